// Command oracle answers what Pulumi's own replayer makes of journals, so that Slipway's can be compared with it.
//
// Each line of stdin is {"base": <UntypedDeployment or null>, "entries": [<JournalEntry>...]}, each line of stdout the
// answer to the line of the same number: {"deployment": <TypedDeployment>} or {"error": "<why there is none>"}. With
// "rename": {"project", "stack"} the base is renamed as `pulumi stack rename` does, and nothing replayed.
package main

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"

	"github.com/pulumi/pulumi/pkg/v3/backend"
	"github.com/pulumi/pulumi/pkg/v3/resource/edit"
	"github.com/pulumi/pulumi/pkg/v3/resource/stack"
	"github.com/pulumi/pulumi/sdk/v3/go/common/apitype"
	"github.com/pulumi/pulumi/sdk/v3/go/common/tokens"
)

type question struct {
	Base    *apitype.UntypedDeployment `json:"base"`
	Entries []apitype.JournalEntry     `json:"entries"`
	Rename  *names                     `json:"rename"`
}

type names struct {
	Project string `json:"project"`
	Stack   string `json:"stack"`
}

type answer struct {
	Deployment *apitype.TypedDeployment `json:"deployment,omitempty"`
	Error      string                   `json:"error,omitempty"`
}

func main() {
	if err := run(os.Stdin, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "oracle:", err)
		os.Exit(1)
	}
}

func run(in io.Reader, out io.Writer) error {
	questions := json.NewDecoder(bufio.NewReaderSize(in, 1<<20))
	buffered := bufio.NewWriterSize(out, 1<<20)
	answers := json.NewEncoder(buffered)
	for {
		var asked question
		if err := questions.Decode(&asked); err == io.EOF {
			return buffered.Flush()
		} else if err != nil {
			return err
		}
		if err := answers.Encode(replay(asked)); err != nil {
			return err
		}
	}
}

// replay turns a panic of the replayer into an answer: it trusts its journals.
func replay(asked question) (result answer) {
	defer func() {
		if cause := recover(); cause != nil {
			result = answer{Error: fmt.Sprintf("panic: %v", cause)}
		}
	}()
	base := &apitype.DeploymentV3{}
	if asked.Base != nil && len(asked.Base.Deployment) > 0 {
		var err error
		if base, err = stack.UnmarshalUntypedDeployment(context.Background(), asked.Base); err != nil {
			return answer{Error: err.Error()}
		}
	}
	if asked.Rename != nil {
		return rename(base, asked)
	}
	replayer := backend.NewJournalReplayer(base)
	for _, entry := range asked.Entries {
		if err := replayer.Add(entry); err != nil {
			return answer{Error: err.Error()}
		}
	}
	deployment, err := replayer.GenerateDeployment()
	if err != nil {
		return answer{Error: err.Error()}
	}
	return answer{Deployment: &deployment}
}

func rename(base *apitype.DeploymentV3, asked question) answer {
	name, err := tokens.ParseStackName(asked.Rename.Stack)
	if err != nil {
		return answer{Error: err.Error()}
	}
	if err := edit.RenameStack(base, name, tokens.PackageName(asked.Rename.Project)); err != nil {
		return answer{Error: err.Error()}
	}
	return answer{Deployment: &apitype.TypedDeployment{
		Version: asked.Base.Version, Features: asked.Base.Features, Deployment: base,
	}}
}

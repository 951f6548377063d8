import {
  type handleServerStreamingCall,
  type handleUnaryCall,
  Server,
  type ServerUnaryCall,
  type ServerWritableStream,
  status,
} from "@grpc/grpc-js";
import { LanguageRuntimeService } from "@pulumi/pulumi/proto/language_grpc_pb.js";
import type {
  AboutRequest,
  AboutResponse,
  GetProgramDependenciesRequest,
  GetProgramDependenciesResponse,
  GetRequiredPackagesRequest,
  GetRequiredPackagesResponse,
  GetRequiredPluginsRequest,
  GetRequiredPluginsResponse,
  InstallDependenciesRequest,
  InstallDependenciesResponse,
  LanguageHandshakeRequest,
  LanguageHandshakeResponse,
  RunPluginRequest,
  RunPluginResponse,
  RunRequest,
  RunResponse,
} from "@pulumi/pulumi/proto/language_pb.js";
import languagePb from "@pulumi/pulumi/proto/language_pb.js";
import type { PluginInfo } from "@pulumi/pulumi/proto/plugin_pb.js";
import pluginPb from "@pulumi/pulumi/proto/plugin_pb.js";
import type { Empty } from "google-protobuf/google/protobuf/empty_pb.js";
import emptyPb from "google-protobuf/google/protobuf/empty_pb.js";
import type { Host } from "./host.ts";
import { chooseInstaller, runInstaller } from "./install.ts";
import { listen, messageLimits } from "./listen.ts";
import { readRuntimeOptions } from "./options.ts";
import { installedPackages } from "./packages.ts";
import { runPlugin } from "./plugin.ts";
import { runProgram } from "./program.ts";
import { requiredPackages, requiredPlugins } from "./requirements.ts";

/** A language host that listens. */
export interface RunningHost {
  readonly port: number;
  /** Refuses new calls and ends what runs, first with `signal`, in the end by force. */
  close(signal: NodeJS.Signals): Promise<void>;
}

/**
 * Serves Pulumi's LanguageRuntime protocol (pulumi/proto/pulumi/language.proto) for Node programs on a free port.
 * Code generation and debugging are not offered: the engine is told so by gRPC's UNIMPLEMENTED.
 */
export async function serveLanguageHost(host: Host): Promise<RunningHost> {
  const server = new Server(messageLimits);
  server.addService(LanguageRuntimeService, {
    handshake: unary<LanguageHandshakeRequest, LanguageHandshakeResponse>(async (request) => {
      host.engineAddress = request.getEngineAddress();
      return new languagePb.LanguageHandshakeResponse();
    }),
    getPluginInfo: unary<Empty, PluginInfo>(async () =>
      new pluginPb.PluginInfo().setVersion(host.sdkVersion),
    ),
    getRequiredPackages: unary<GetRequiredPackagesRequest, GetRequiredPackagesResponse>(async (request) =>
      new languagePb.GetRequiredPackagesResponse().setPackagesList(
        await requiredPackages(request.getInfo()?.getProgramDirectory() ?? ""),
      ),
    ),
    getRequiredPlugins: unary<GetRequiredPluginsRequest, GetRequiredPluginsResponse>(async (request) =>
      new languagePb.GetRequiredPluginsResponse().setPluginsList(
        await requiredPlugins(request.getInfo()?.getProgramDirectory() || request.getPwd()),
      ),
    ),
    about: unary<AboutRequest, AboutResponse>(async (request) => {
      const answer = new languagePb.AboutResponse().setExecutable(host.nodePath).setVersion(host.nodeVersion);
      const info = request.getInfo();
      if (info !== undefined) {
        const installer = await chooseInstaller(info.getProgramDirectory(), readRuntimeOptions(info));
        answer.getMetadataMap().set("packagemanager", installer.packageManager);
      }
      return answer;
    }),
    getProgramDependencies: unary<GetProgramDependenciesRequest, GetProgramDependenciesResponse>(
      async (request) => {
        const packages = await installedPackages(
          request.getInfo()?.getProgramDirectory() || request.getPwd(),
          {
            deep: request.getTransitivedependencies(),
            skipSdk: false,
            development: true,
          },
        );
        return new languagePb.GetProgramDependenciesResponse().setDependenciesList(
          packages.map(({ name, version }) =>
            new languagePb.DependencyInfo().setName(name).setVersion(version),
          ),
        );
      },
    ),
    // Only programs end when the engine cancels: a provider must finish the operation that it is in the middle of.
    run: unary<RunRequest, RunResponse>((request, signal) =>
      runProgram(host, request, AbortSignal.any([signal, host.cancelled.signal])),
    ),
    runPlugin: streaming<RunPluginRequest, RunPluginResponse>((call, signal) =>
      runPlugin(host, call, signal),
    ),
    installDependencies: streaming<InstallDependenciesRequest, InstallDependenciesResponse>((call, signal) =>
      installDependencies(host, call, signal),
    ),
    cancel: unary<Empty, Empty>(async () => {
      host.cancelled.abort();
      return new emptyPb.Empty();
    }),
  });

  /** A call ends when its caller goes away. */
  function signalOf(call: { on(event: "cancelled", listener: () => void): unknown }): AbortSignal {
    const controller = new AbortController();
    call.on("cancelled", () => controller.abort());
    return controller.signal;
  }

  function unary<Request, Response>(
    answer: (request: Request, signal: AbortSignal) => Promise<Response>,
  ): handleUnaryCall<Request, Response> {
    return (call: ServerUnaryCall<Request, Response>, callback) => {
      answer(call.request, signalOf(call)).then(
        (response) => callback(null, response),
        (error: unknown) => callback({ code: status.UNKNOWN, details: detailsOf(error) }),
      );
    };
  }

  function streaming<Request, Response>(
    answer: (call: ServerWritableStream<Request, Response>, signal: AbortSignal) => Promise<void>,
  ): handleServerStreamingCall<Request, Response> {
    return (call) => {
      answer(call, signalOf(call)).then(
        () => call.end(),
        (error: unknown) => {
          // Not destroy(): a destroyed stream never sends its status, and the engine would wait for ever.
          call.emit("error", { code: status.UNKNOWN, details: detailsOf(error) });
        },
      );
    };
  }

  const port = await listen(server);
  return {
    port,
    async close(signal) {
      await host.children.end(signal);
      server.forceShutdown();
    },
  };
}

async function installDependencies(
  host: Host,
  call: ServerWritableStream<InstallDependenciesRequest, InstallDependenciesResponse>,
  signal: AbortSignal,
): Promise<void> {
  const info = call.request.getInfo() ?? new languagePb.ProgramInfo();
  const options = readRuntimeOptions(info);
  const installer = await chooseInstaller(info.getProgramDirectory() || call.request.getDirectory(), options);
  const stdout = (chunk: Uint8Array) =>
    void call.write(new languagePb.InstallDependenciesResponse().setStdout(chunk));
  stdout(Buffer.from(`Installing dependencies with ${installer.packageManager} in ${installer.folder}\n`));
  await runInstaller(
    installer,
    options.production,
    host.env,
    host.children,
    {
      stdout,
      stderr: (chunk) => void call.write(new languagePb.InstallDependenciesResponse().setStderr(chunk)),
    },
    signal,
  );
  stdout(Buffer.from("Dependencies are installed\n"));
}

function detailsOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

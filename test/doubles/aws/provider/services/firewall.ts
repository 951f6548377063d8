import type { Clients } from "../clients.ts";
import { callJson, type JsonService } from "../json-call.ts";
import {
  isRecord,
  type Kind,
  maybeText,
  recordOf,
  recordsOf,
  tagList,
  tagsFrom,
  tagsToDrop,
  textOf,
  unlessGone,
  type Values,
} from "../kind.ts";

/** AWS WAF: https://docs.aws.amazon.com/waf/latest/APIReference/ */
export const WAF: JsonService = { name: "wafv2", target: "AWSWAF_20190729", protocol: "1.1" };
const GONE = "WAFNonexistentItemException";

/** Names that the provider spells in a way of its own. */
const SPELLED: Readonly<Record<string, string>> = { cloudwatchMetricsEnabled: "CloudWatchMetricsEnabled" };
const SPELLED_BACK = Object.fromEntries(Object.entries(SPELLED).map(([ours, theirs]) => [theirs, ours]));

/** The same in AWS's names. */
function toAws(value: unknown): unknown {
  return renamed(value, (name) => SPELLED[name] ?? `${name.slice(0, 1).toUpperCase()}${name.slice(1)}`);
}

/** The same in the provider's names. */
function fromAws(value: unknown): unknown {
  return renamed(value, (name) => SPELLED_BACK[name] ?? `${name.slice(0, 1).toLowerCase()}${name.slice(1)}`);
}

function renamed(value: unknown, rename: (name: string) => string): unknown {
  if (Array.isArray(value)) return value.map((item) => renamed(item, rename));
  if (!isRecord(value)) return value;
  const there = Object.entries(value).filter(([, inner]) => inner !== null && inner !== undefined);
  return Object.fromEntries(there.map(([name, inner]) => [rename(name), renamed(inner, rename)]));
}

function settings(inputs: Values): Values {
  return {
    Name: textOf(inputs, "name"),
    Scope: textOf(inputs, "scope"),
    Description: maybeText(inputs, "description"),
    DefaultAction: toAws(recordOf(inputs, "defaultAction")),
    Rules: toAws(recordsOf(inputs, "rules")),
    VisibilityConfig: toAws(recordOf(inputs, "visibilityConfig")),
  };
}

/** What is there, and the token that whoever changes it must name; undefined when it is gone. */
async function find(id: string, inputs: Values, clients: Clients) {
  const named = { Id: id, Name: textOf(inputs, "name"), Scope: textOf(inputs, "scope") };
  const found = await unlessGone(callJson(clients, WAF, "GetWebACL", named), GONE);
  return found === undefined
    ? undefined
    : { acl: recordOf(found, "WebACL"), named: { ...named, LockToken: textOf(found, "LockToken") } };
}

async function tagsOf(ResourceARN: string, clients: Clients): Promise<Values> {
  const listed = await callJson(clients, WAF, "ListTagsForResource", { ResourceARN });
  return tagsFrom(recordsOf(recordOf(listed, "TagInfoForResource"), "TagList"));
}

const webAcl: Kind = {
  create: async (inputs, clients) => {
    const made = await callJson(clients, WAF, "CreateWebACL", { ...settings(inputs), Tags: tagList(inputs) });
    return textOf(recordOf(made, "Summary"), "Id");
  },
  read: async (id, clients, known) => {
    const found = await find(id, known, clients);
    if (found === undefined) return undefined;
    const { acl, named } = found;
    return {
      arn: acl.ARN,
      name: acl.Name,
      scope: named.Scope,
      description: acl.Description,
      capacity: acl.Capacity,
      lockToken: named.LockToken,
      defaultAction: fromAws(acl.DefaultAction),
      rules: fromAws(acl.Rules),
      visibilityConfig: fromAws(acl.VisibilityConfig),
      tagsAll: await tagsOf(textOf(acl, "ARN"), clients),
    };
  },
  update: async (id, inputs, clients, changed) => {
    const found = await find(id, inputs, clients);
    if (found === undefined) throw new Error(`the web ACL ${id} is gone`);
    const { acl, named } = found;
    await callJson(clients, WAF, "UpdateWebACL", { ...settings(inputs), ...named });
    if (!changed.has("tagsAll")) return;
    const ResourceARN = textOf(acl, "ARN");
    const TagKeys = tagsToDrop(inputs, await tagsOf(ResourceARN, clients));
    if (TagKeys.length > 0) await callJson(clients, WAF, "UntagResource", { ResourceARN, TagKeys });
    await callJson(clients, WAF, "TagResource", { ResourceARN, Tags: tagList(inputs) });
  },
  delete: async (id, state, clients) => {
    const found = await find(id, state, clients);
    if (found !== undefined) await callJson(clients, WAF, "DeleteWebACL", found.named);
  },
};

export const kinds: Readonly<Record<string, Kind>> = { "aws:wafv2/webAcl:WebAcl": webAcl };

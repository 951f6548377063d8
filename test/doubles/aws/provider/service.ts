import {
  Empty,
  grpc,
  messages,
  plugin,
  Struct,
  type UntypedServiceImplementation,
} from "../../../../infra/providers/local/grpc-modules.ts";
import { plain } from "../../../../infra/providers/local/values.ts";
import type { Clients } from "./clients.ts";
import { checkConfig, configured } from "./config.ts";
import { answer } from "./functions.ts";
import { isRecord, type Kind, type Values } from "./kind.ts";
import {
  check,
  type Declarations,
  diff,
  inputsAsSeen,
  stateBeforeCreate,
  stateBeforeUpdate,
  withAllTags,
} from "./lifecycle.ts";
import { TRAITS, type Traits } from "./traits.ts";

export const VERSION = "7.48.0";

type StructMessage = InstanceType<typeof Struct>;

interface Addressed {
  getUrn(): string;
}
interface Identified extends Addressed {
  getId(): string;
}
interface News {
  getNews(): StructMessage | undefined;
}
interface Olds {
  getOlds(): StructMessage | undefined;
  getOldInputs(): StructMessage | undefined;
}

/** The ResourceProvider service of Pulumi's plugin protocol (pulumi/proto/pulumi/provider.proto), over AWS or what stands in for it. */
export function providerService(declarations: Declarations): UntypedServiceImplementation {
  let clients: Clients | undefined;
  const aws = (inputs: Values): Clients => {
    if (clients === undefined) throw new Error("the provider was not configured");
    return clients.inRegion(typeof inputs.region === "string" ? inputs.region : undefined);
  };
  const tagged = (type: string, inputs: Values): Values =>
    withAllTags(inputs, clients?.defaultTags ?? {}, declarations.schema.resources[type]?.tags !== undefined);

  return {
    handshake: unary(() => new messages.ProviderHandshakeResponse()),
    attach: unary(() => new Empty()),
    cancel: unary(() => new Empty()),
    getPluginInfo: unary(() => new plugin.PluginInfo().setVersion(VERSION)),
    getSchema: unary(() =>
      new messages.GetSchemaResponse().setSchema(JSON.stringify({ name: "aws", version: VERSION })),
    ),
    checkConfig: unary((request: News) => {
      const news = values(request.getNews());
      const response = new messages.CheckResponse().setInputs(struct(news));
      response.setFailuresList(
        checkConfig(news).map((reason) => new messages.CheckFailure().setReason(reason)),
      );
      return response;
    }),
    diffConfig: unary(() => new messages.DiffResponse()),
    configure: unary(async (request: { getArgs(): StructMessage | undefined }) => {
      clients = await configured(values(request.getArgs()));
      return new messages.ConfigureResponse().setSupportspreview(true);
    }),
    invoke: unary(async (request: { getTok(): string; getArgs(): StructMessage | undefined }) => {
      const given = values(request.getArgs());
      const answered = await answer(request.getTok(), given, aws(given));
      return new messages.InvokeResponse().setReturn(struct(answered));
    }),
    check: unary((request: Addressed & News & { getOlds(): StructMessage | undefined }) => {
      const { type, name } = addressOf(request);
      const { inputs, problems } = check(
        type,
        name,
        traitsOf(type),
        values(request.getNews()),
        values(request.getOlds()),
        declarations,
      );
      const response = new messages.CheckResponse().setInputs(struct(inputs));
      response.setFailuresList(problems.map((reason) => new messages.CheckFailure().setReason(reason)));
      return response;
    }),
    diff: unary((request: Addressed & News & Olds) => {
      const { type } = addressOf(request);
      const state = values(request.getOlds());
      const olds = {
        ...values(request.getOldInputs()),
        ...("tagsAll" in state ? { tagsAll: state.tagsAll } : {}),
      };
      const { changed, replaces, deleteFirst } = diff(
        traitsOf(type),
        olds,
        tagged(type, values(request.getNews())),
      );
      const { DIFF_SOME, DIFF_NONE } = messages.DiffResponse.DiffChanges;
      const response = new messages.DiffResponse()
        .setChanges(changed.length > 0 ? DIFF_SOME : DIFF_NONE)
        .setDiffsList(changed)
        .setReplacesList(replaces)
        .setDeletebeforereplace(deleteFirst)
        .setHasdetaileddiff(true);
      const { UPDATE, UPDATE_REPLACE } = messages.PropertyDiff.Kind;
      for (const name of changed) {
        const kind = replaces.includes(name) ? UPDATE_REPLACE : UPDATE;
        response
          .getDetaileddiffMap()
          .set(name, new messages.PropertyDiff().setKind(kind).setInputdiff(name !== "tagsAll"));
      }
      return response;
    }),
    create: unary(
      async (request: Addressed & { getProperties(): StructMessage | undefined; getPreview(): boolean }) => {
        const { type } = addressOf(request);
        const inputs = tagged(type, values(request.getProperties()));
        const response = new messages.CreateResponse();
        if (request.getPreview())
          return response.setProperties(
            struct(stateBeforeCreate(traitsOf(type), inputs, declarations.outputs[type] ?? [])),
          );
        const kind = await kindOf(type);
        const id = await kind.create(inputs, aws(inputs));
        return response.setId(id).setProperties(struct(await stateOf(kind, id, inputs, inputs, aws(inputs))));
      },
    ),
    read: unary(
      async (
        request: Identified & {
          getInputs(): StructMessage | undefined;
          getProperties(): StructMessage | undefined;
        },
      ) => {
        const { type } = addressOf(request);
        const [inputs, state] = [values(request.getInputs()), values(request.getProperties())];
        const kind = await kindOf(type);
        const seen = await kind.read(request.getId(), aws(inputs), inputs);
        const response = new messages.ReadResponse();
        // An answer without an id means that the resource is gone.
        if (seen === undefined) return response;
        const now = inputsAsSeen(inputs, seen, aws(inputs).defaultTags);
        return response
          .setId(request.getId())
          .setInputs(struct(now))
          .setProperties(struct(merged({ ...state, ...differing(inputs, now) }, seen, now)));
      },
    ),
    update: unary(async (request: Identified & News & Olds & { getPreview(): boolean }) => {
      const { type } = addressOf(request);
      const traits = traitsOf(type);
      const state = values(request.getOlds());
      const olds = {
        ...values(request.getOldInputs()),
        ...("tagsAll" in state ? { tagsAll: state.tagsAll } : {}),
      };
      const news = tagged(type, values(request.getNews()));
      const changed = new Set(diff(traits, olds, news).changed);
      const response = new messages.UpdateResponse();
      if (request.getPreview())
        return response.setProperties(struct(stateBeforeUpdate(traits, state, news, changed)));
      const kind = await kindOf(type);
      if (kind.update === undefined)
        throw new Error(`${type} cannot be changed in place: ${[...changed].join(", ")}`);
      await kind.update(request.getId(), news, aws(news), changed);
      const kept = Object.fromEntries(Object.entries(state).filter(([name]) => !(name in olds)));
      return response.setProperties(
        struct(await stateOf(kind, request.getId(), news, { ...kept, ...news }, aws(news))),
      );
    }),
    delete: unary(async (request: Identified & { getProperties(): StructMessage | undefined }) => {
      const state = values(request.getProperties());
      const kind = await kindOf(addressOf(request).type);
      await kind.delete(request.getId(), state, aws(state));
      return new Empty();
    }),
  };
}

/** Inputs that are not as the program has set them. The others stay as the state has them: it holds archives in another form. */
function differing(inputs: Values, now: Values): Values {
  return Object.fromEntries(Object.entries(now).filter(([name, value]) => value !== inputs[name]));
}

/** The state of a resource that AWS has just taken over. */
async function stateOf(
  kind: Kind,
  id: string,
  inputs: Values,
  base: Values,
  clients: Clients,
): Promise<Values> {
  const seen = await kind.read(id, clients, inputs);
  if (seen === undefined) throw new Error(`${id} is not there after it was made`);
  return merged({ region: clients.region, ...base }, seen, inputs);
}

/** What was read over what is known; a value that the program has set stays in its words where it says the same. */
function merged(base: Values, seen: Values, inputs: Values): Values {
  const values: Values = { ...base };
  for (const [name, value] of Object.entries(seen)) {
    if (value !== undefined && (!(name in inputs) || name === "tagsAll")) values[name] = value;
  }
  // What AWS adds inside of something that the program has set, such as the target of a domain name.
  for (const [name, value] of Object.entries(seen)) {
    if (name in inputs && isRecord(value) && isRecord(inputs[name]))
      values[name] = { ...value, ...inputs[name] };
  }
  return values;
}

function addressOf(request: Addressed): { type: string; name: string } {
  // urn:pulumi:<stack>::<project>::<parent type>$<type>::<name>
  const [, , types = "", ...name] = request.getUrn().split("::");
  return { type: types.split("$").at(-1) ?? "", name: name.join("::") };
}

function traitsOf(type: string): Traits {
  const traits = TRAITS[type];
  if (traits === undefined)
    throw new Error(`the stand-in for the provider aws does not know the type ${type}`);
  return traits;
}

/** Loaded when something is done: a preview without changes needs no client of AWS. */
async function kindOf(type: string): Promise<Kind> {
  const { service } = traitsOf(type);
  const loaded = (await import(`./services/${service}.ts`)) as { kinds: Readonly<Record<string, Kind>> };
  const kind = loaded.kinds[type];
  if (kind === undefined) throw new Error(`the stand-in for the provider aws cannot act on ${type}`);
  return kind;
}

/** A handler that answers with what `handle` returns, or with its error's name and message as the gRPC status. */
function unary<Request, Response>(handle: (request: Request) => Response | Promise<Response>) {
  return (
    call: { request: Request },
    callback: (failure: { code: number; details: string } | null, response?: Response) => void,
  ): void => {
    Promise.resolve()
      .then(() => handle(call.request))
      .then(
        (response) => callback(null, response),
        (thrown: unknown) => {
          const details = thrown instanceof Error ? `${thrown.name}: ${thrown.message}` : String(thrown);
          callback({ code: grpc.status.UNKNOWN, details });
        },
      );
  };
}

function values(message: StructMessage | undefined): Values {
  const value = plain(message?.toJavaScript() ?? {});
  return isRecord(value) ? dropNulls(value) : {};
}

/** What a program leaves out by null is not given. */
function dropNulls(value: Values): Values {
  return Object.fromEntries(Object.entries(value).filter(([, inner]) => inner !== null));
}

function struct(value: Values): StructMessage {
  // JSON drops what is undefined, which a Struct cannot hold.
  return Struct.fromJavaScript(JSON.parse(JSON.stringify(value)));
}

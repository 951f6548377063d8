import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import ts from "typescript";

/** What a value may be. */
export type Shape =
  | { kind: "string" | "number" | "boolean" | "archive" | "anything" }
  /** Values that the provider's package knows; others may be newer than it. */
  | { kind: "known"; values: string[] }
  | { kind: "array" | "map"; of: Shape }
  /** One of `objects`. */
  | { kind: "object"; name: string }
  | { kind: "either"; of: Shape[] };

export interface Property {
  required: boolean;
  shape: Shape;
}
export type Properties = Record<string, Property>;

/** The inputs of resource types as @pulumi/aws declares them; npm carries no schema of the provider. */
export interface ProviderSchema {
  resources: Record<string, Properties>;
  objects: Record<string, Properties>;
}

const packageFolder = dirname(createRequire(import.meta.url).resolve("@pulumi/aws/package.json"));
const cacheFolder = join(import.meta.dirname, "..", "..", "node_modules", ".cache", "slipway");

/** The schema of these types. Reading the declarations takes seconds, so it is kept beside the dependencies for the version of the package and the list. */
export function schemaOf(types: readonly string[]): ProviderSchema {
  const { version } = JSON.parse(readFileSync(join(packageFolder, "package.json"), "utf8")) as {
    version: string;
  };
  // This file is part of the key: another way of reading is another schema.
  const key = createHash("sha256")
    .update(JSON.stringify([version, [...types].sort(), readFileSync(import.meta.filename, "utf8")]))
    .digest("hex");
  const file = join(cacheFolder, `aws-schema-${key.slice(0, 16)}.json`);
  if (existsSync(file)) return JSON.parse(readFileSync(file, "utf8")) as ProviderSchema;
  const schema = derive(types);
  mkdirSync(cacheFolder, { recursive: true });
  // Another process may write it as well: whoever comes last replaces the whole file.
  const draft = `${file}.${process.pid}`;
  writeFileSync(draft, JSON.stringify(schema));
  renameSync(draft, file);
  return schema;
}

type Interfaces = Map<string, ts.InterfaceDeclaration>;

function derive(types: readonly string[]): ProviderSchema {
  const nested = interfacesIn(parse("types/input.d.ts"));
  const schema: ProviderSchema = { resources: {}, objects: {} };
  const wanted: string[] = [];
  for (const type of types) {
    const [, module = "", resource = ""] = type.split(":");
    const args = interfacesIn(parse(`${module}.d.ts`)).get(`${resource}Args`);
    if (args === undefined) throw new Error(`@pulumi/aws has no arguments of ${type}.`);
    schema.resources[type] = propertiesOf(args, wanted);
  }
  for (let name = wanted.pop(); name !== undefined; name = wanted.pop()) {
    if (schema.objects[name] !== undefined) continue;
    const declaration = nested.get(name);
    if (declaration === undefined) throw new Error(`@pulumi/aws has no input type ${name}.`);
    schema.objects[name] = propertiesOf(declaration, wanted);
  }
  return schema;
}

function parse(file: string): ts.SourceFile {
  const path = join(packageFolder, file);
  return ts.createSourceFile(path, readFileSync(path, "utf8"), {
    languageVersion: ts.ScriptTarget.Latest,
    // Most of these files is documentation.
    jsDocParsingMode: ts.JSDocParsingMode.ParseNone,
  });
}

/** Interfaces by their name, with the namespaces that they are in: `s3.BucketRule`. */
function interfacesIn(source: ts.SourceFile): Interfaces {
  const found: Interfaces = new Map();
  const visit = (statements: readonly ts.Statement[], prefix: string): void => {
    for (const statement of statements) {
      if (ts.isInterfaceDeclaration(statement)) found.set(`${prefix}${statement.name.text}`, statement);
      if (
        ts.isModuleDeclaration(statement) &&
        statement.body !== undefined &&
        ts.isModuleBlock(statement.body)
      ) {
        visit(statement.body.statements, `${prefix}${statement.name.text}.`);
      }
    }
  };
  visit(source.statements, "");
  return found;
}

function propertiesOf(declaration: ts.InterfaceDeclaration, wanted: string[]): Properties {
  const properties: Properties = {};
  for (const member of declaration.members) {
    if (!ts.isPropertySignature(member) || member.type === undefined) continue;
    if (!ts.isIdentifier(member.name) && !ts.isStringLiteral(member.name)) continue;
    properties[member.name.text] = {
      required: member.questionToken === undefined,
      shape: shapeOf(member.type, wanted),
    };
  }
  return properties;
}

const KEYWORDS = new Map([
  [ts.SyntaxKind.StringKeyword, "string"],
  [ts.SyntaxKind.NumberKeyword, "number"],
  [ts.SyntaxKind.BooleanKeyword, "boolean"],
  [ts.SyntaxKind.AnyKeyword, "anything"],
] as const) as ReadonlyMap<ts.SyntaxKind, "string" | "number" | "boolean" | "anything">;

function shapeOf(node: ts.TypeNode, wanted: string[]): Shape {
  const keyword = KEYWORDS.get(node.kind);
  if (keyword !== undefined) return { kind: keyword };
  if (ts.isParenthesizedTypeNode(node)) return shapeOf(node.type, wanted);
  if (ts.isArrayTypeNode(node)) return { kind: "array", of: shapeOf(node.elementType, wanted) };
  if (ts.isUnionTypeNode(node)) return unionOf(node, wanted);
  if (ts.isTypeLiteralNode(node)) return mapOf(node, wanted);
  if (ts.isTypeReferenceNode(node)) return referenceOf(node, wanted);
  throw new Error(`A type of @pulumi/aws is not understood: ${ts.SyntaxKind[node.kind]}.`);
}

function unionOf(node: ts.UnionTypeNode, wanted: string[]): Shape {
  const shapes = node.types
    .filter((one) => one.kind !== ts.SyntaxKind.UndefinedKeyword)
    .map((one) => shapeOf(one, wanted));
  // `string | enums.X`: the names that are known say more.
  const known = shapes.find(({ kind }) => kind === "known");
  if (known !== undefined) return known;
  const [first] = shapes;
  return shapes.length === 1 && first !== undefined ? first : { kind: "either", of: shapes };
}

function mapOf(node: ts.TypeLiteralNode, wanted: string[]): Shape {
  const [signature] = node.members;
  if (signature === undefined || !ts.isIndexSignatureDeclaration(signature)) {
    throw new Error("A type of @pulumi/aws is an object without a name.");
  }
  return { kind: "map", of: shapeOf(signature.type, wanted) };
}

function referenceOf(node: ts.TypeReferenceNode, wanted: string[]): Shape {
  const name = nameOf(node.typeName);
  const [argument] = node.typeArguments ?? [];
  if ((name === "pulumi.Input" || name === "Promise") && argument !== undefined) {
    return shapeOf(argument, wanted);
  }
  if (name.startsWith("inputs.")) {
    const object = name.slice("inputs.".length);
    wanted.push(object);
    return { kind: "object", name: object };
  }
  if (name.startsWith("enums.")) return { kind: "known", values: valuesOf(name.slice("enums.".length)) };
  if (name.startsWith("pulumi.asset.")) return { kind: "archive" };
  // A reference to another resource of the package, such as a Role, or the text that identifies it.
  if (/^[A-Z]/.test(name) || name.includes(".")) return { kind: "string" };
  throw new Error(`A type of @pulumi/aws is not understood: ${name}.`);
}

/** Values of an enum type, such as `lambda.Runtime`. */
function valuesOf(name: string): string[] {
  const at = name.lastIndexOf(".");
  const [folder, constant] =
    at < 0 ? ["", name] : [name.slice(0, at).replaceAll(".", "/"), name.slice(at + 1)];
  for (const statement of parse(join("types/enums", folder, "index.d.ts")).statements) {
    if (!ts.isVariableStatement(statement)) continue;
    for (const { name: declared, type } of statement.declarationList.declarations) {
      if (!ts.isIdentifier(declared) || declared.text !== constant) continue;
      if (type === undefined || !ts.isTypeLiteralNode(type)) continue;
      return type.members.flatMap((member) =>
        ts.isPropertySignature(member) &&
        member.type !== undefined &&
        ts.isLiteralTypeNode(member.type) &&
        ts.isStringLiteral(member.type.literal)
          ? [member.type.literal.text]
          : [],
      );
    }
  }
  throw new Error(`@pulumi/aws has no values of ${name}.`);
}

function nameOf(name: ts.EntityName): string {
  return ts.isIdentifier(name) ? name.text : `${nameOf(name.left)}.${name.right.text}`;
}

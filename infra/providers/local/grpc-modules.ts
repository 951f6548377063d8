import { createRequire } from "node:module";

/**
 * gRPC and the generated messages, loaded without the rest of the Pulumi SDK: this process starts once for every preview and
 * update, and the whole SDK would cost it several hundred milliseconds. They are resolved from the SDK's own place, since
 * message classes only work with the very copies of gRPC and protobuf that they were generated for.
 */
const requireFromSdk = createRequire(import.meta.resolve("@pulumi/pulumi"));

export const grpc: typeof import("@grpc/grpc-js") = requireFromSdk("@grpc/grpc-js");
export const messages: typeof import("@pulumi/pulumi/proto/provider_pb.js") = requireFromSdk(
  "@pulumi/pulumi/proto/provider_pb.js",
);
export const services: typeof import("@pulumi/pulumi/proto/provider_grpc_pb.js") = requireFromSdk(
  "@pulumi/pulumi/proto/provider_grpc_pb.js",
);
export const plugin: typeof import("@pulumi/pulumi/proto/plugin_pb.js") = requireFromSdk(
  "@pulumi/pulumi/proto/plugin_pb.js",
);
export const { Struct }: typeof import("google-protobuf/google/protobuf/struct_pb.js") = requireFromSdk(
  "google-protobuf/google/protobuf/struct_pb.js",
);
export const { Empty }: typeof import("google-protobuf/google/protobuf/empty_pb.js") = requireFromSdk(
  "google-protobuf/google/protobuf/empty_pb.js",
);

export type { ServerUnaryCall, sendUnaryData, UntypedServiceImplementation } from "@grpc/grpc-js";

import { type Server, ServerCredentials } from "@grpc/grpc-js";

/** A message may be as large as the engine likes: resources carry whole files as inputs. */
export const messageLimits = {
  "grpc.max_receive_message_length": -1,
  "grpc.max_send_message_length": -1,
};

/** Binds a gRPC server to a free port of 127.0.0.1, the way every Pulumi plugin listens. Returns the port. */
export function listen(server: Server): Promise<number> {
  return new Promise((resolve, reject) => {
    server.bindAsync("127.0.0.1:0", ServerCredentials.createInsecure(), (error, port) => {
      if (error === null) resolve(port);
      else reject(error);
    });
  });
}

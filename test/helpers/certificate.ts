import { execFile } from "node:child_process";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { promisify } from "node:util";

/** A key and a certificate that signs itself, as PEM. */
export interface Certificate {
  key: string;
  cert: string;
}

/** Makes one for names and addresses that is valid for two days, with openssl. */
export function makeCertificate(...names: readonly string[]): Promise<Certificate> {
  return makeCertificateFor(2, names);
}

/** As makeCertificate, valid for `days`. */
export async function makeCertificateFor(days: number, names: readonly string[]): Promise<Certificate> {
  const folder = await mkdtemp(path.join(tmpdir(), "slipway-certificate-"));
  const [key, cert] = [path.join(folder, "key.pem"), path.join(folder, "cert.pem")];
  const entries = names.map((name) => (/^[\d.]+$/.test(name) ? `IP:${name}` : `DNS:${name}`));
  try {
    await promisify(execFile)("openssl", [
      ...[
        "req",
        "-x509",
        "-newkey",
        "ec",
        "-pkeyopt",
        "ec_paramgen_curve:prime256v1",
        "-nodes",
        "-days",
        String(days),
      ],
      ...["-subj", `/CN=${names[0] ?? "test"}`, "-addext", `subjectAltName=${entries.join(",")}`],
      ...["-keyout", key, "-out", cert],
    ]);
    return { key: await readFile(key, "utf8"), cert: await readFile(cert, "utf8") };
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** One object of a DIY backend. Keys have slashes and begin with `.pulumi/`. */
export interface SourceObject {
  readonly key: string;
  readonly modifiedAt: Date;
}

/** Where a DIY backend keeps its objects: a folder or a bucket. Reading changes nothing there. */
export interface StateSource {
  /** Without credentials, for reports. */
  readonly label: string;
  /** All objects whose key begins with `prefix`, in the order of their keys. */
  list(prefix: string): Promise<SourceObject[]>;
  /** Bytes of one object. Throws SlipwayError `source_object_missing` when it is gone. */
  read(key: string): Promise<Uint8Array>;
  close(): void;
}

/** Most items that one page may hold. */
const PAGE_SIZE = 200;

interface Page<Item> {
  readonly items: readonly Item[];
  readonly next: string | null;
}

/** Every item of a paged list, or the first `limit` of them. */
export async function allPages<Item>(
  read: (query: { after?: string; limit: number }) => Promise<Page<Item>>,
  limit = Number.POSITIVE_INFINITY,
): Promise<Item[]> {
  const items: Item[] = [];
  let after: string | null = null;
  do {
    const size = Math.min(PAGE_SIZE, limit - items.length);
    const page: Page<Item> = await read(after === null ? { limit: size } : { after, limit: size });
    items.push(...page.items);
    after = page.next;
  } while (after !== null && items.length < limit);
  return items;
}

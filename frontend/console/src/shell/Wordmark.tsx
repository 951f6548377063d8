/** The product's name with its mark. */
export function Wordmark() {
  return (
    <span className="wordmark">
      <img src="/favicon.svg" alt="" width={24} height={24} />
      Slipway
    </span>
  );
}

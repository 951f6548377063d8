const money = new Intl.NumberFormat("en", { maximumFractionDigits: 0 });
const percent = new Intl.NumberFormat("en", {
  style: "percent",
  maximumFractionDigits: 1,
  signDisplay: "exceptZero",
});
const share = new Intl.NumberFormat("en", { style: "percent", maximumFractionDigits: 1 });

/** A fraction with its sign: 0.05 is "+5%". */
export const formatReturn = (fraction: number): string => percent.format(fraction);
/** A fraction without sign, or a dash for none. */
export const formatShare = (fraction: number | null): string =>
  fraction === null ? "–" : share.format(fraction);
export const formatMoney = (amount: number): string => money.format(amount);
export const formatRatio = (ratio: number | null): string => (ratio === null ? "–" : ratio.toFixed(2));
/** An ISO instant as date and time in UTC. */
export const formatInstant = (iso: string): string => `${iso.slice(0, 10)} ${iso.slice(11, 19)} UTC`;

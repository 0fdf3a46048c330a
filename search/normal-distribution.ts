/*
 * The normal distribution to full double precision: what samplers compute densities and improvements with.
 */

const SQRT_2 = Math.SQRT2;
const INVERSE_SQRT_PI = 1 / Math.sqrt(Math.PI);
const INVERSE_SQRT_2PI = 1 / Math.sqrt(2 * Math.PI);
/** Half the logarithm of 2 pi. */
export const HALF_LOG_2PI = 0.5 * Math.log(2 * Math.PI);

// Rational approximations of Cody (1969), "Rational Chebyshev approximations for the error function".
const A = [
  3.1611237438705656, 1.13864154151050156e2, 3.77485237685302021e2, 3.20937758913846947e3, 1.85777706184603153e-1,
];
const B = [2.36012909523441209e1, 2.44024637934444173e2, 1.28261652607737228e3, 2.84423683343917062e3];
const C = [
  5.64188496988670089e-1, 8.88314979438837594, 6.61191906371416295e1, 2.98635138197400131e2, 8.8195222124176909e2,
  1.71204761263407058e3, 2.05107837782607147e3, 1.23033935479799725e3, 2.15311535474403846e-8,
];
const D = [
  1.57449261107098347e1, 1.17693950891312499e2, 5.37181101862009858e2, 1.62138957456669019e3, 3.29079923573345963e3,
  4.36261909014324716e3, 3.43936767414372164e3, 1.23033935480374942e3,
];
const P = [
  3.05326634961232344e-1, 3.60344899949804439e-1, 1.25781726111229246e-1, 1.60837851487422766e-2,
  6.58749161529837803e-4, 1.63153871373020978e-2,
];
const Q = [
  2.56852019228982242, 1.87295284992346725, 5.27905102951428412e-1, 6.05183413124413191e-2, 2.33520497626869185e-3,
];

/** numerator[last] leads; the others follow in turn (Cody's own order of coefficients). */
function rational(x: number, numerator: readonly number[], denominator: readonly number[]): number {
  const last = denominator.length;
  let top = (numerator[last] as number) * x;
  let bottom = x;
  for (let i = 0; i < last - 1; i++) {
    top = (top + (numerator[i] as number)) * x;
    bottom = (bottom + (denominator[i] as number)) * x;
  }
  return (top + (numerator[last - 1] as number)) / (bottom + (denominator[last - 1] as number));
}

/** exp(x^2) erfc(x) for x > 0.46875. */
function scaledErfcAbove(x: number): number {
  if (x <= 4) return rational(x, C, D);
  const inverse = 1 / (x * x);
  return (INVERSE_SQRT_PI - inverse * rational(inverse, P, Q)) / x;
}

/** The complementary error function, relative error near 1e-15. */
export function erfc(x: number): number {
  const size = Math.abs(x);
  if (size <= 0.46875) return 1 - x * rational(x * x, A, B);
  // exp(-x^2) in two factors, so that the rounding of x^2 is not amplified.
  const coarse = Math.trunc(size * 16) / 16;
  const tail =
    size > 27 ? 0 : Math.exp(-coarse * coarse) * Math.exp(-(size - coarse) * (size + coarse)) * scaledErfcAbove(size);
  return x < 0 ? 2 - tail : tail;
}

/** The standard normal density. */
export function normalDensity(z: number): number {
  return INVERSE_SQRT_2PI * Math.exp(-0.5 * z * z);
}

/** The standard normal distribution function. */
export function normalCdf(z: number): number {
  return 0.5 * erfc(-z / SQRT_2);
}

/** Phi(z) / phi(z) for z <= 0, which stays finite where both vanish (Mills' ratio of the lower tail). */
function millsRatio(z: number): number {
  const x = -z / SQRT_2;
  if (x <= 0.46875) return normalCdf(z) / normalDensity(z);
  return Math.sqrt(Math.PI / 2) * scaledErfcAbove(x);
}

/** The logarithm of the standard normal distribution function, to z = -1e8 and below. */
export function logNormalCdf(z: number): number {
  if (z > -1) return Math.log1p(-0.5 * erfc(z / SQRT_2));
  return -0.5 * z * z - HALF_LOG_2PI + Math.log(millsRatio(z));
}

/** log(Phi(b) - Phi(a)) for a < b, without cancellation in the tails. */
export function logNormalMass(a: number, b: number): number {
  if (a > 0) return logNormalMass(-b, -a);
  if (b <= 0) {
    const high = logNormalCdf(b);
    return high + Math.log1p(-Math.exp(logNormalCdf(a) - high));
  }
  return Math.log1p(-0.5 * erfc(-a / SQRT_2) - 0.5 * erfc(b / SQRT_2));
}

/**
 * log(phi(z) + z Phi(z)), the logarithm of the expected improvement of a unit normal (Ament et al. 2023, LogEI), with
 * Phi(z) and phi(z) over that sum: its derivatives by mean and standard deviation.
 */
export function logImprovement(z: number): { readonly value: number; readonly byMean: number; readonly bySd: number } {
  if (z > -1) {
    const density = normalDensity(z);
    const mass = normalCdf(z);
    const sum = density + z * mass;
    return { value: Math.log(sum), byMean: mass / sum, bySd: density / sum };
  }
  // 1 + z m(z) cancels: from z = -30 on its asymptotic series is the more exact of the two.
  const ratio = millsRatio(z);
  const inverse = 1 / (z * z);
  const rest = z > -30 ? 1 + z * ratio : inverse * (1 - inverse * (3 - 15 * inverse));
  return { value: -0.5 * z * z - HALF_LOG_2PI + Math.log(rest), byMean: ratio / rest, bySd: 1 / rest };
}

/** The standard normal quantile: Acklam's approximation and one step of Halley's method. */
export function normalQuantile(p: number): number {
  if (p <= 0) return Number.NEGATIVE_INFINITY;
  if (p >= 1) return Number.POSITIVE_INFINITY;
  if (p > 0.5) return -normalQuantile(1 - p);
  const rough = lowerQuantile(p);
  const error = (normalCdf(rough) - p) / normalDensity(rough);
  return rough - error / (1 + (rough * error) / 2);
}

/** Acklam's rational approximation for p <= 0.5 (relative error 1.15e-9). */
function lowerQuantile(p: number): number {
  if (p < 0.02425) {
    const q = Math.sqrt(-2 * Math.log(p));
    const top =
      ((((-7.784894002430293e-3 * q - 3.223964580411365e-1) * q - 2.400758277161838) * q - 2.549732539343734) * q +
        4.374664141464968) *
        q +
      2.938163982698783;
    const bottom =
      (((7.784695709041462e-3 * q + 3.224671290700398e-1) * q + 2.445134137142996) * q + 3.754408661907416) * q + 1;
    return top / bottom;
  }
  const q = p - 0.5;
  const r = q * q;
  const top =
    ((((-3.969683028665376e1 * r + 2.209460984245205e2) * r - 2.759285104469687e2) * r + 1.38357751867269e2) * r -
      3.066479806614716e1) *
      r +
    2.506628277459239;
  const bottom =
    ((((-5.447609879822406e1 * r + 1.615858368580409e2) * r - 1.556989798598866e2) * r + 6.680131188771972e1) * r -
      1.328068155288572e1) *
      r +
    1;
  return (q * top) / bottom;
}

"""How well features tell classes apart, without training: what a start is worth before the time is spent.

*LogME* is the evidence of a Bayesian linear model of the labels, maximised over its prior and noise, per sample: You et
al. 2021, ICML, "LogME: Practical Assessment of Pre-trained Models for Transfer Learning", arXiv 2102.11005; by the
fixed-point iteration of You et al. 2022, arXiv 2110.10545. The *H-score* asks how much of the features' variance lies
between the classes: Bao et al. 2019, ICIP, arXiv 2212.10082, regularised as by Ibrahim et al. 2021, arXiv 2110.06893,
without which it reads high when features are many and samples few.

Both only rank features of the same samples; neither says what score a detector will reach.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from yolo_tl.errors import DataError

_ROUNDS = 100
_TOLERANCE = 1e-6  # relative change of α / β at which the iteration has converged
_RANK = 1e-10  # singular values below this share of the largest are zero


def standardised(features: NDArray[np.floating]) -> NDArray[np.float64]:
    """Features (N, D) with mean 0 and deviation 1 in each column that varies; one that does not becomes 0.

    So a network's scores do not depend on the units of its channels.
    """
    values = np.asarray(features, np.float64)
    spread = values.std(0)
    varies = spread > 1e-9 * np.abs(values).max(0, initial=0)
    return np.where(varies, values - values.mean(0), 0) / np.where(varies, spread, 1)


def logme(features: NDArray[np.floating], labels: NDArray[np.integer]) -> float:
    """LogME of `features` (N, D) for `labels` (N,): the mean over the classes of one class against the rest.

    Labels are centred, so that features need no constant column: the mean of a class is not to be explained. Rotating
    all features, or scaling them by one factor, changes nothing.

    Raises:
        DataError: fewer than two classes, lengths that differ, or a value that is not finite.
    """
    values, kinds = _checked(features, labels)
    one_hot = (kinds[:, None] == np.unique(kinds)).astype(np.float64)
    return float(log_evidence(values, one_hot - one_hot.mean(0)).mean())


def log_evidence(features: NDArray[np.float64], targets: NDArray[np.float64]) -> NDArray[np.float64]:
    """The largest log evidence per sample, (K,), of each column of `targets` (N, K) given `features` (N, D).

    The model is y = F w + noise, w ~ N(0, 1/α), noise ~ N(0, 1/β); α and β are where the evidence is largest:
    [k/2 ln α + n/2 ln β − ½ Σ ln(α + β σ²) − β/2 ‖F m − y‖² − α/2 ‖m‖² − n/2 ln 2π] / n over the k singular values σ
    of F, with m the posterior mean. Where features say nothing of a target, α grows without end and the evidence is
    that of noise alone.
    """
    n = len(features)
    u, s, _ = np.linalg.svd(features, full_matrices=False)
    kept = s > _RANK * s.max(initial=0)
    u, sigma = u[:, kept], s[kept][:, None] ** 2  # (N, k), (k, 1)
    x2 = (u.T @ targets) ** 2  # (k, K)
    total = (targets**2).sum(0)
    alone = -0.5 * (np.log(2 * np.pi * total / n) + 1)  # noise of variance ‖y‖² / n, and w = 0
    if not len(sigma):
        return np.asarray(alone)
    outside = np.maximum(total - x2.sum(0), 0)  # what lies outside the span of the features
    ratio = np.full(targets.shape[1], sigma.mean())  # t = α / β
    floor = np.finfo(np.float64).tiny + 1e-12 * total
    for _ in range(_ROUNDS):
        gamma, length, residual = _moments(sigma, x2, outside, ratio)
        after = gamma / np.maximum(length, 1e-300) * np.maximum(residual, floor) / np.maximum(n - gamma, 1e-9)
        after = after.clip(1e-12 * sigma.max(), 1e12 * sigma.max())
        converged = np.abs(after - ratio) <= _TOLERANCE * ratio
        ratio = after
        if converged.all():
            break
    _, length, residual = _moments(sigma, x2, outside, ratio)
    misfit = np.maximum(residual + ratio * length, floor)
    beta = n / misfit  # the best β for this ratio, in closed form
    evidence = 0.5 * (n * np.log(beta / (2 * np.pi)) - np.log1p(sigma / ratio).sum(0) - n) / n
    return np.asarray(np.maximum(evidence, alone))


def h_score(features: NDArray[np.floating], labels: NDArray[np.integer]) -> float:
    """Regularised H-score of `features` (N, D) for `labels` (N,): (1 − s) tr(cov_s(F)⁻¹ cov(E[F | y])).

    cov_s is the covariance shrunk by the share s towards a multiple of the identity, s as Ledoit & Wolf 2004 (J.
    Multivariate Analysis 88:365) estimate it.

    Returns:
        0 where the class means are equal, at most the number of classes less one.

    Raises:
        DataError: fewer than two classes, lengths that differ, or a value that is not finite.
    """
    values, kinds = _checked(features, labels)
    values = values - values.mean(0)
    n, d = values.shape
    cov, share = shrunk_covariance(values)
    if not np.trace(cov):
        return 0.0
    _, kind = np.unique(kinds, return_inverse=True)
    counts = np.bincount(kind)
    means = np.zeros((len(counts), d))
    np.add.at(means, kind, values)
    means /= counts[:, None]
    between = (means.T * counts) @ means / n
    return float((1 - share) * np.trace(np.linalg.solve(cov, between)))


def shrunk_covariance(values: NDArray[np.float64]) -> tuple[NDArray[np.float64], float]:
    """Ledoit & Wolf's covariance (D, D) of centred `values` (N, D), and the share it is shrunk by, 0 to 1."""
    n, d = values.shape
    sample = values.T @ values / n
    mean = np.trace(sample) / d
    distance = ((sample - mean * np.eye(d)) ** 2).sum()
    noise = (((values**2).sum(1) ** 2).sum() / n - (sample**2).sum()) / n
    share = float(np.clip(noise / distance, 0, 1)) if distance > 0 else 1.0
    return (1 - share) * sample + share * mean * np.eye(d), share


def _moments(
    sigma: NDArray[np.float64], x2: NDArray[np.float64], outside: NDArray[np.float64], ratio: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Parameters that the data determine (γ), ‖m‖² and ‖F m − y‖², each (K,), for a ratio α / β of each target."""
    gamma = (sigma / (sigma + ratio)).sum(0)
    length = (sigma * x2 / (sigma + ratio) ** 2).sum(0)
    residual = (x2 * (ratio / (sigma + ratio)) ** 2).sum(0) + outside
    return gamma, length, residual


def _checked(
    features: NDArray[np.floating], labels: NDArray[np.integer]
) -> tuple[NDArray[np.float64], NDArray[np.integer]]:
    values = np.asarray(features, np.float64)
    if values.ndim != 2 or labels.shape != values.shape[:1]:
        raise DataError(f"expected features (N, D) and labels (N,), found {values.shape} and {labels.shape}")
    if not np.isfinite(values).all():
        raise DataError("expected finite features, found values that are not", hint="the weights may be damaged")
    if len(found := np.unique(labels)) < 2:
        raise DataError(
            f"expected two or more classes to tell apart, found {len(found)}", hint="add boxes of background as a class"
        )
    return values, labels

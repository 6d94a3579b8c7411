from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.optimize import minimize
from scipy.stats import norm, ortho_group

from yolo_tl.errors import DataError
from yolo_tl.evaluation.transferability import h_score, log_evidence, logme, shrunk_covariance, standardised

Case = tuple[np.ndarray, np.ndarray]


def case(seed: int, *, samples: int = 40, width: int = 6, classes: int = 3, apart: float = 1.0) -> Case:
    """Features whose first columns are shifted by class, and the classes."""
    rng = np.random.default_rng(seed)
    labels = rng.permutation(np.arange(samples) % classes)
    features = rng.normal(size=(samples, width)) * rng.uniform(0.2, 3, width)
    features[:, :classes] += apart * np.eye(classes)[labels]
    return features, labels


def brute_force(features: np.ndarray, target: np.ndarray) -> float:
    """The largest density of y ~ N(0, I / β + F Fᵀ / α), per sample, found by a general optimiser."""
    n = len(target)

    def loss(logs: np.ndarray) -> float:
        alpha, beta = np.exp(logs.clip(-30, 30))
        cov = np.eye(n) / beta + features @ features.T / alpha
        return (np.linalg.slogdet(2 * np.pi * cov)[1] + target @ np.linalg.solve(cov, target)) / 2 / n

    options = {"xatol": 1e-4, "fatol": 1e-9}
    found = [minimize(loss, start, method="Nelder-Mead", options=options) for start in [(-2, 1), (5, 1)]]
    return max(-float(one.fun) for one in found)


@pytest.mark.parametrize(("samples", "width", "apart"), [(30, 6, 1.0), (30, 6, 4.0), (24, 12, 0.4), (16, 30, 2.0)])
def test_the_evidence_is_the_largest_that_an_optimiser_finds(samples: int, width: int, apart: float) -> None:
    features, labels = case(samples + width, samples=samples, width=width, apart=apart)
    one_hot = np.eye(3)[labels]
    targets = one_hot - one_hot.mean(0)
    expected = [brute_force(features, target) for target in targets.T]
    assert log_evidence(features, targets) == pytest.approx(expected, abs=1e-5)
    assert logme(features, labels) == pytest.approx(np.mean(expected), abs=1e-5)


def test_features_that_say_nothing_leave_the_evidence_of_noise_alone() -> None:
    target = np.random.default_rng(0).normal(size=(50, 1))
    noise = norm(0, np.sqrt((target**2).mean())).logpdf(target).mean()
    for features in (np.zeros((50, 4)), np.ones((50, 1)) * 1e-9, target - target):
        assert log_evidence(features, target) == pytest.approx(noise, abs=0.02)
    unrelated = np.linalg.qr(np.hstack([target, np.random.default_rng(1).normal(size=(50, 5))]))[0][:, 1:]
    assert log_evidence(unrelated, target) == pytest.approx(noise)


def test_a_target_that_the_features_spell_out_is_finite_and_higher_than_any() -> None:
    features, labels = case(0, apart=0)
    exact = np.hstack([features, np.eye(3)[labels]])
    assert np.isfinite(logme(exact - exact.mean(0), labels))
    assert logme(exact - exact.mean(0), labels) > logme(features, labels) + 1


@given(st.integers(0, 10_000), st.floats(0.01, 100))
def test_rotation_scale_order_and_names_of_the_classes_change_nothing(seed: int, scale: float) -> None:
    features, labels = case(seed)
    rng = np.random.default_rng(seed)
    rotated = features @ ortho_group.rvs(6, random_state=rng) * scale
    order = rng.permutation(len(labels))
    renamed = np.array([7, 3, 5])[labels]
    for score in (logme, h_score):
        expected = score(features, labels)
        assert score(rotated, labels) == pytest.approx(expected, abs=1e-6)
        assert score(features[order], renamed[order]) == pytest.approx(expected, abs=1e-9)


@given(st.integers(0, 10_000))
def test_classes_that_lie_farther_apart_score_higher(seed: int) -> None:
    near, far = (case(seed, samples=90, apart=apart) for apart in (0.2, 6.0))
    for score in (logme, h_score):
        assert score(*near) < score(*far)


@given(st.integers(0, 10_000), st.integers(2, 30), st.integers(2, 5))
def test_the_h_score_lies_between_zero_and_the_classes_less_one(seed: int, width: int, classes: int) -> None:
    features, labels = case(seed, samples=30, width=max(width, classes), classes=classes, apart=2.0)
    assert 0 <= h_score(features, labels) <= classes - 1
    assert 0 <= shrunk_covariance(features - features.mean(0))[1] <= 1


def test_the_h_score_is_its_definition() -> None:
    features, labels = case(3, samples=60)
    values = features - features.mean(0)
    n, d = values.shape
    sample = np.cov(values.T, bias=True)
    mean = np.trace(sample) / d
    # Ledoit & Wolf 2004, lemma 3.2 to 3.4, term by term
    distance = np.linalg.norm(sample - mean * np.eye(d)) ** 2 / d
    noise = sum(np.linalg.norm(np.outer(x, x) - sample) ** 2 for x in values) / n**2 / d
    share = min(noise, distance) / distance
    assert shrunk_covariance(values)[1] == pytest.approx(share)
    shrunk = (1 - share) * sample + share * mean * np.eye(d)
    assert shrunk_covariance(values)[0] == pytest.approx(shrunk)
    expected = np.stack([values[labels == label].mean(0) for label in labels])
    between = np.cov(expected.T, bias=True)
    assert h_score(features, labels) == pytest.approx((1 - share) * np.trace(np.linalg.inv(shrunk) @ between))


def test_the_h_score_of_features_that_do_not_vary_is_zero() -> None:
    assert h_score(np.ones((6, 3)), np.arange(6) % 2) == 0


@given(st.integers(0, 10_000))
def test_standardised_features_do_not_depend_on_units(seed: int) -> None:
    features, _ = case(seed)
    rng = np.random.default_rng(seed)
    values = standardised(features)
    assert values.mean(0) == pytest.approx(np.zeros(6), abs=1e-9)
    assert values.std(0) == pytest.approx(np.ones(6))
    other = standardised(features * rng.uniform(0.1, 10, 6) + rng.normal(size=6))
    assert other == pytest.approx(values, abs=1e-7)
    constant = standardised(np.hstack([features, np.full((40, 1), 0.1)]))
    assert (constant[:, -1] == 0).all()
    assert constant[:, :-1] == pytest.approx(values)


@pytest.mark.parametrize("score", [logme, h_score])
def test_what_cannot_be_scored_is_said(score) -> None:
    features, labels = case(0)
    with pytest.raises(DataError, match="two or more classes to tell apart, found 1"):
        score(features, np.zeros_like(labels))
    with pytest.raises(DataError, match=r"features \(N, D\) and labels"):
        score(features, labels[1:])
    with pytest.raises(DataError, match="finite"):
        score(np.full_like(features, np.nan), labels)

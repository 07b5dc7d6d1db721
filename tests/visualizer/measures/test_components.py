"""Principal components by their definition, and where there are none."""

from __future__ import annotations

import numpy as np
import pytest

from visualizer import principal_components


def test_components_are_eigenvectors_of_the_covariance() -> None:
    features = np.random.default_rng(0).normal(size=(30, 6)) * [5, 3, 2, 1, 1, 0.5] + 7
    found = principal_components(features)
    covariance = np.cov(features.T)
    for axis, share in zip(found.axes, found.explained, strict=True):
        np.testing.assert_allclose(covariance @ axis, share * np.trace(covariance) * axis, atol=1e-9)
        assert axis[np.abs(axis).argmax()] > 0
    np.testing.assert_allclose(found.axes @ found.axes.T, np.eye(3), atol=1e-12)
    assert (np.diff(found.explained) < 0).all()
    np.testing.assert_allclose(found.project(features).mean(axis=0), 0, atol=1e-12)


def test_known_directions_are_found_in_every_number_of_pictures() -> None:
    rng = np.random.default_rng(1)
    true, _ = np.linalg.qr(rng.normal(size=(8, 8)))
    features = (rng.permuted(np.linspace(-1, 1, 5000)[:, None].repeat(8, 1), axis=0) * [9, 6, 4, *[1] * 5]) @ true.T
    found = principal_components(features)
    np.testing.assert_allclose(np.abs(found.axes @ true[:, :3]), np.eye(3), atol=0.05)
    parts = principal_components([features[:4000], features[4000:]])
    np.testing.assert_allclose(parts.axes, found.axes, atol=1e-9)
    np.testing.assert_array_equal(principal_components(-features).axes.round(9), found.axes.round(9))


def test_colours_run_from_the_smallest_to_the_largest_patch_of_all_pictures() -> None:
    first, second = [[-3.0, 0.0], [0.0, 1.0]], [[5.0, 0.0], [0.0, -1.0]]
    found = principal_components([first, second], count=1)
    low, high = found.project(first).min(), found.project(second).max()
    np.testing.assert_allclose(found.colours(first)[0], 0)
    np.testing.assert_allclose(found.colours(second)[0], 1)
    np.testing.assert_allclose(found.colours([[100.0, 0.0], [-100.0, 0.0]]).ravel(), [1, 0])
    np.testing.assert_allclose(found.colours(first)[1], (found.project(first)[1] - low) / (high - low))


@pytest.mark.parametrize("value", [0.0, 1e-30, 0.1, 12345.678])
def test_equal_features_have_no_component(value: float) -> None:
    found = principal_components(np.full((10, 4), value))
    assert not found.axes.any()
    assert not found.explained.any()
    np.testing.assert_array_equal(found.colours(np.full((10, 4), value)), 0.5)


def test_features_of_one_direction_have_one_component() -> None:
    features = np.outer(np.arange(10.0), [1.0, 2.0, -2.0]) + 0.1
    found = principal_components(features)
    np.testing.assert_allclose(found.explained, [1, 0, 0])
    np.testing.assert_allclose(found.axes[0], [1 / 3, 2 / 3, -2 / 3])
    np.testing.assert_array_equal(found.colours(features)[:, 1:], 0.5)
    assert principal_components([[1.0, 2.0]]).explained.tolist() == [0, 0, 0]


@pytest.mark.parametrize(
    ("features", "why"),
    [
        ([1.0, 2.0], r"features: want \(patches, width\), got shape \(2,\)"),
        ([], r"features: want \(patches, width\), got shape \(0,\)"),
        ([[1.0, np.nan]], "features: want finite numbers"),
        ([[1e200, 0.0], [0.0, 1e200]], "features: want finite numbers"),
        (np.array([[np.inf, 0.0]], np.float32), "features: want finite numbers"),
        ([np.zeros((2, 3)), np.zeros((2, 4))], "features: want one width in all pictures, got 3 and 4"),
    ],
)
def test_what_has_no_components_is_said(features: object, why: str) -> None:
    with pytest.raises(ValueError, match=why):
        principal_components(features)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match=r"features: want \(patches, 2\), got shape \(1, 3\)"):
        principal_components([[1.0, 2.0], [3.0, 4.0]]).project([[1.0, 2.0, 3.0]])
    for count in (0, 1.5, "3", None):
        with pytest.raises(ValueError, match="count: want at least 1, got"):
            principal_components([[1.0, 2.0]], count)  # type: ignore[arg-type]

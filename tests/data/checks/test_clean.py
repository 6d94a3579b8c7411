"""No check fires on a clean data set; and what every check has to say about itself."""

from __future__ import annotations

import pytest

from yolo_tl.data.checks import CHECKS

NEEDED = {
    "config": "path_not_found missing_split missing_val missing_names duplicate_names nc_mismatch names_gap "
    "train_is_val",
    "files": "missing_label orphan_label missing_image unsupported_suffix case_collision shared_stem unicode_twins "
    "stale_npy cache_left symlink_broken empty_file unreadable",
    "labels": "syntax columns class_out_of_range class_not_integer coords_out_of_range negative_size not_finite "
    "degenerate_box duplicate_row mixed_boxes_and_polygons confidence_column comma_separated bad_encoding "
    "identical_files box_outside",
    "images": "corrupt truncated no_end_marker tiny extreme_aspect exif_orientation odd_mode uniform exact_duplicate "
    "near_duplicate absurd_header suffix_mismatch",
    "splits": "leak_exact leak_near leak_group class_missing_in_val class_missing_in_train skew background_skew "
    "tiny_val",
    "classes": "singleton few_instances zero_instances imbalance backgrounds_none backgrounds_many",
    "names": "case_twins whitespace near_twins numeric non_nfc",
    "boxes": "tiny_at_imgsz huge whole_image extreme_aspect crowded_image overlap_same_class cross_class_twins "
    "size_outlier",
    "shapes": "self_intersection few_points box_rows_in_polygons not_a_rectangle keypoints_count keypoint_outside_box "
    "flip_idx keypoint_visibility",
}


@pytest.mark.parametrize("kind", ["planted", "segments", "oriented", "poses"])
def test_nothing_is_found_in_a_clean_set(kind, request):
    assert request.getfixturevalue(kind).findings() == {}


def test_every_check_is_there():
    wanted = {f"{room}.{name}" for room, names in NEEDED.items() for name in names.split()}
    assert wanted <= CHECKS.keys()
    assert len(CHECKS) >= 100


@pytest.mark.parametrize("id", sorted(CHECKS))
def test_a_check_says_what_it_looks_for(id):
    item = CHECKS[id]
    assert item.about.endswith(".")
    assert item.hint

"""Many explanations at once, and one item against another."""

import pytest

from hybridrec import Recommender
from hybridrec.errors import RequestError, UnknownItemError, UnknownUserError
from hybridrec.explain.contrast import Contrast
from hybridrec.explain.explanation import Explanation


@pytest.fixture(scope="module")
def pair(recommender: Recommender) -> tuple[Explanation, Explanation]:
    best, *_, last = recommender.recommend("u05", k=8)
    one, other = recommender.explain_pairs([("u05", best.item_id), ("u05", last.item_id)])
    return one, other


class TestMany:
    def test_are_those_of_one_after_another_in_the_order_asked(
        self, recommender: Recommender
    ) -> None:
        asked = [("u05", "i01"), ("u11", "i02"), ("u05", "i09"), ("u05", "i01")]

        found = recommender.explain_pairs(asked)

        assert [(each.user_id, each.item_id) for each in found] == asked
        for each in found:
            alone = recommender.explain(each.user_id, each.item_id)
            assert each.score == pytest.approx(alone.score, abs=1e-5)
            parts = {part.group: part.value for part in each.contributions}
            assert sum(parts.values()) + each.base == pytest.approx(each.score, abs=1e-5)

    def test_of_all_users(self, recommender: Recommender) -> None:
        asked = [(user, "i03") for user in recommender.users]
        assert [each.user_id for each in recommender.explain_pairs(asked)] == recommender.users

    def test_of_none(self, recommender: Recommender) -> None:
        assert recommender.explain_pairs([]) == []

    def test_unknown_ids_are_refused(self, recommender: Recommender) -> None:
        with pytest.raises(UnknownUserError, match="nobody"):
            recommender.explain_pairs([("u05", "i01"), ("nobody", "i01")])
        with pytest.raises(UnknownItemError, match="nothing"):
            recommender.explain_pairs([("u05", "i01"), ("u05", "nothing")])


class TestContrast:
    def test_parts_sum_to_the_difference(self, pair: tuple[Explanation, Explanation]) -> None:
        one, other = pair

        contrast = one.against(other)

        assert contrast.difference == pytest.approx(one.score - other.score)
        parts = contrast.contributions
        assert sum(part.value for part in parts) == pytest.approx(contrast.difference, abs=1e-5)
        assert [abs(p.value) for p in parts] == sorted((abs(p.value) for p in parts), reverse=True)
        for part in parts:
            if part.evidence:
                split = sum(past.weight for past in part.evidence)
                assert split == pytest.approx(part.value, abs=1e-4)

    def test_the_other_way_round_is_the_opposite(
        self, pair: tuple[Explanation, Explanation]
    ) -> None:
        one, other = pair
        there, back = one.against(other), other.against(one)

        values = {part.group: part.value for part in there.contributions}
        assert {part.group: -part.value for part in back.contributions} == pytest.approx(values)
        assert there.narrative() == back.narrative()

    def test_an_item_is_not_ahead_of_itself(self, recommender: Recommender) -> None:
        one, same = recommender.explain_pairs([("u05", "i01")] * 2)
        contrast = one.against(same)
        assert contrast.difference == 0
        assert all(part.value == 0 and not part.evidence for part in contrast.contributions)

    def test_names_both_in_both_languages(self, pair: tuple[Explanation, Explanation]) -> None:
        contrast = pair[0].against(pair[1])
        for language, between in (("en", "comes before"), ("zh", "之前")):
            text = contrast.narrative(language)  # type: ignore[arg-type]
            assert pair[0].title in text
            assert pair[1].title in text
            assert between in text
        assert set(contrast.to_dict()) >= {"difference", "contributions", "narrative"}
        with pytest.raises(RequestError, match="'fr'"):
            contrast.narrative("fr")  # type: ignore[arg-type]

    def test_only_within_one_list_of_one_user(self, recommender: Recommender) -> None:
        one, elsewhere = recommender.explain_pairs([("u05", "i01"), ("u11", "i01")])
        with pytest.raises(RequestError, match=r"'u05'.*'u11'"):
            Contrast.of(one, elsewhere)
        new = recommender.explain("u05", "i01", exclude="seen")
        with pytest.raises(RequestError, match="different lists"):
            Contrast.of(one, new)

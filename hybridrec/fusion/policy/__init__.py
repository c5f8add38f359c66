"""What may be shown, how lists are mixed: filters, boosts, diversity, caps, exploration, pins."""

from hybridrec.fusion.policy.config import Boost, Pin, Policy
from hybridrec.fusion.policy.placing import Placed, place
from hybridrec.fusion.policy.rules import Rules, rules_of
from hybridrec.fusion.policy.steps import PolicyStep, policy_steps
from hybridrec.fusion.policy.where import matching_items

__all__ = [
    "Boost",
    "Pin",
    "Placed",
    "Policy",
    "PolicyStep",
    "Rules",
    "matching_items",
    "place",
    "policy_steps",
    "rules_of",
]

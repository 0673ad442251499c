"""The CrossGuard pack: hands every Kubernetes object that the engine is about to deploy to the rules.

How a violation counts is the caller's choice: `pulumi preview --policy-pack policy` refuses, with
`--policy-pack-config policy/advisory.json` it warns, with `policy/digests.json` it also refuses images by tag. `make`
picks by the stack's `taskflow:policies`.
"""

import sys
from pathlib import Path

from pulumi_policy import (
    EnforcementLevel,
    PolicyPack,
    ReportViolation,
    ResourceValidationArgs,
    ResourceValidationPolicy,
)

# The engine starts this file by its path, which puts its own folder on the module path and not the project's.
sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from policy import objects, pods
from policy.rule import Rule


def _policy(rule: Rule, level: EnforcementLevel | None = None) -> ResourceValidationPolicy:
    def validate(args: ResourceValidationArgs, report: ReportViolation) -> None:
        namespace, _, kind = args.resource_type.rpartition(":")
        # Only this exact kind: pulumi-kubernetes also has Lists and patches of each kind.
        if namespace.startswith("kubernetes:") and kind in rule.kinds:
            for text in rule.violations(args.props):
                report(text, None)

    return ResourceValidationPolicy(
        name=rule.name,
        description=rule.description,
        validate=validate,
        enforcement_level=level,
    )


PolicyPack(
    name="taskflow",
    enforcement_level=EnforcementLevel.MANDATORY,
    policies=[
        *(_policy(rule) for rule in (*pods.RULES, *objects.RULES)),
        _policy(pods.images_by_digest, EnforcementLevel.DISABLED),
    ],
)

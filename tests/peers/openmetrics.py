"""Reads metrics on standard input with the parser of Prometheus' Python client, which refuses what OpenMetrics forbids.

Prints the families as JSON, each with its name, type, unit, help and samples.
"""
import json
import sys

from prometheus_client.openmetrics.parser import text_string_to_metric_families

families = text_string_to_metric_families(sys.stdin.read())
print(json.dumps([
    {
        "name": family.name,
        "type": family.type,
        "unit": family.unit,
        "help": family.documentation,
        "samples": [[sample.name, sample.labels, sample.value] for sample in family.samples],
    }
    for family in families
]))

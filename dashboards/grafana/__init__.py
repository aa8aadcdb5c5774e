"""Grafana's dashboards as code: a module for each dashboard, a function for each panel, queries out of the schema.

`files` renders them to the JSON beside this module, which Grafana is provisioned with.
"""

from dashboards.grafana.files import DASHBOARDS, drift, render, write
from dashboards.grafana.query import DATASOURCE_UID

__all__ = ["DASHBOARDS", "DATASOURCE_UID", "drift", "render", "write"]

"""What people see: the web board, and Grafana's dashboards as code.

The board (`board`, served by `server`) reads a snapshot of the store (`snapshot`), puts it into words (`views`) and
charts (`charts`), and fills the templates. `grafana` makes the dashboards that are provisioned into Grafana.
"""

from dashboards.board import create_board
from dashboards.server import BoardServer

__all__ = ["BoardServer", "create_board"]

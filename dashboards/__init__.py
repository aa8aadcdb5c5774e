"""What people see: the web board, and Grafana's dashboards as code.

`web` is the board: it takes a snapshot of the figures, puts it into words and charts, and fills the templates.
`grafana` makes the dashboards that are provisioned into Grafana.
"""

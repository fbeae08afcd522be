"""In from others: what Alertmanager, PagerDuty's clients, Nagios, Icinga and any other hook tell us is wrong."""

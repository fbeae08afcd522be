"""What a report costs, and how soon a fault is an incident: `python -m bench`. No part of Vigie imports this."""

"""Meltano under Airflow: the parts of the DAG files next to this folder.

Only `tasks` imports Airflow; the rest runs, and is tested, without it.
"""

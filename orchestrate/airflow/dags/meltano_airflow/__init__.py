"""Meltano under Airflow: what the DAG files beside this folder are made of.

Only `tasks` knows Airflow; the rest runs, and is tested, without it.
"""

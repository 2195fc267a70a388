# A throw-away Superset on loopback.
import os

SECRET_KEY = os.environ["SUPERSET_SECRET_KEY"]
SQLALCHEMY_DATABASE_URI = f"sqlite:///{os.environ['SUPERSET_RIG']}/superset.db?check_same_thread=false"
# Superset refuses every SQLite database unless it is told so: the import is tried both ways.
PREVENT_UNSAFE_DB_CONNECTIONS = os.environ.get("GUARDED") == "1"
TALISMAN_ENABLED = False
RATELIMIT_ENABLED = False

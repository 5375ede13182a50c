"""GET /users/me in FastAPI: the peer of `make bench`'s part `me`.

The same credential check, the same statement and the same answer as routes/users.c, as somebody
would write it in Python: a sync endpoint, pymysql, a connection a thread. Run by tests/bench/run:

    uvicorn --workers 2 --uds SOCKET peer_fastapi:app     (DB_SOCKET, DB_USER, DB_PASSWORD_FILE)
"""
import hashlib
import os
import threading
from datetime import datetime
from typing import List, Optional

import pymysql
from fastapi import FastAPI, Header, HTTPException
from pydantic import BaseModel

STATEMENT = """
SELECT u.user_id, u.name, u.email, u.github_id, u.github_login, u.is_active, u.created_at,
       u.last_login_at, u.terms_accepted_at,
       a.key_id, a.masked, a.name, a.created_at, a.expires_at, a.last_used_at
  FROM api_keys k JOIN users u ON u.user_id = k.user_id
  LEFT JOIN api_keys a ON a.user_id = u.user_id AND a.is_active
 WHERE k.key_hash = %s AND k.is_active AND u.is_active
   AND (k.expires_at IS NULL OR k.expires_at > NOW(6))"""


class ApiKey(BaseModel):
    key_id: str
    key: str
    name: Optional[str]
    created_at: datetime
    expires_at: Optional[datetime]
    is_active: bool = True
    last_used_at: Optional[datetime]


class User(BaseModel):
    user_id: str
    name: str
    email: str
    github_id: Optional[str]
    github_login: Optional[str]
    api_keys: List[ApiKey]
    created_at: datetime
    last_login_at: Optional[datetime]
    is_active: bool
    terms_accepted_at: Optional[datetime]


app = FastAPI()
local = threading.local()
with open(os.environ["DB_PASSWORD_FILE"], encoding="ascii") as password_file:
    PASSWORD = password_file.readline().strip()


def connection():
    if not hasattr(local, "connection"):
        local.connection = pymysql.connect(
            unix_socket=os.environ["DB_SOCKET"], user=os.environ["DB_USER"], password=PASSWORD,
            database="codeset", autocommit=True)
    return local.connection


@app.get("/bench/fastapi/users/me", response_model=User)
def get_me(authorization: str = Header()):
    key = authorization.removeprefix("Bearer ")
    with connection().cursor() as cursor:
        cursor.execute(STATEMENT, (hashlib.sha256(key.encode()).digest(),))
        rows = cursor.fetchall()
    if not rows:
        raise HTTPException(401, headers={"WWW-Authenticate": "Bearer"})
    first = rows[0]
    return User(
        user_id=str(first[0]), name=first[1], email=first[2], github_id=first[3],
        github_login=first[4], is_active=bool(first[5]), created_at=first[6],
        last_login_at=first[7], terms_accepted_at=first[8],
        api_keys=[ApiKey(key_id=str(r[9]), key=r[10], name=r[11], created_at=r[12],
                         expires_at=r[13], last_used_at=r[14]) for r in rows if r[9]])

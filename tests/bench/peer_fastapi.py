"""GET /users/me, /billing/balance and /billing/usage in FastAPI: the peer of `make bench`'s parts
`me` and `money`.

The same credential check, the same statements and the same answers as routes/users.c and
routes/billing.c, as somebody
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


BALANCE = """
SELECT u.user_id, IFNULL(b.balance_cents, 0), IFNULL(b.total_deposited_cents, 0),
       IFNULL(b.total_spent_cents, 0), IFNULL(b.updated_at, u.created_at)
  FROM api_keys k JOIN users u ON u.user_id = k.user_id
  LEFT JOIN balances b ON b.user_id = u.user_id
 WHERE k.key_hash = %s AND k.is_active AND u.is_active
   AND (k.expires_at IS NULL OR k.expires_at > NOW(6))"""
COUNTS = """
SELECT chunk, n_deposit, n_refund, n_session_usage, n_agent_job_usage, n_agent_job_refund,
       session_usage_cents, agent_job_usage_cents, session_seconds
  FROM ledger_counts WHERE user_id = %s ORDER BY chunk DESC"""
PAGE = """
SELECT t.transaction_id, t.type, t.amount_cents, t.description, t.created_at, t.session_id,
       t.job_id, t.seconds
  FROM (SELECT user_seq FROM ledger_transactions WHERE user_id = %s
         ORDER BY user_seq DESC LIMIT 25) p
  STRAIGHT_JOIN ledger_transactions t ON t.user_id = %s AND t.user_seq = p.user_seq
 ORDER BY t.user_seq DESC"""
TYPES = ["deposit", "refund", "session_usage", "agent_job_usage", "agent_job_refund"]


class UserCredits(BaseModel):
    user_id: str
    balance: int
    total_deposited: int
    total_spent: int
    stripe_customer_id: Optional[str] = None
    last_updated: datetime


class UsageTransaction(BaseModel):
    id: str
    type: str
    amount_cents: int
    description: str
    created_at: datetime
    session_id: Optional[str]
    duration_minutes: Optional[float]
    job_id: Optional[str]


class UsageHistory(BaseModel):
    current_balance_cents: int
    total_deposits_cents: int
    total_usage_cents: int
    transactions: List[UsageTransaction]
    summary: dict
    pagination: dict


def read_balance(cursor, authorization):
    key = authorization.removeprefix("Bearer ")
    cursor.execute(BALANCE, (hashlib.sha256(key.encode()).digest(),))
    row = cursor.fetchone()
    if not row:
        raise HTTPException(401, headers={"WWW-Authenticate": "Bearer"})
    return row


@app.get("/bench/fastapi/billing/balance", response_model=UserCredits)
def get_balance(authorization: str = Header()):
    with connection().cursor() as cursor:
        row = read_balance(cursor, authorization)
    return UserCredits(user_id=str(row[0]), balance=row[1], total_deposited=row[2],
                       total_spent=row[3], last_updated=row[4])


@app.get("/bench/fastapi/billing/usage", response_model=UsageHistory)
def get_usage(authorization: str = Header()):
    with connection().cursor() as cursor:
        balance = read_balance(cursor, authorization)
        cursor.execute(COUNTS, (balance[0],))
        sums = [int(sum(column)) for column in zip(*cursor.fetchall())]
        cursor.execute(PAGE, (balance[0], balance[0]))
        rows = cursor.fetchall()
    items, minutes = sum(sums[1:6]), sums[8] / 60
    return UsageHistory(
        current_balance_cents=balance[1], total_deposits_cents=balance[2],
        total_usage_cents=balance[3],
        transactions=[UsageTransaction(
            id=str(r[0]), type=TYPES[r[1]], amount_cents=r[2], description=r[3], created_at=r[4],
            session_id=r[5], job_id=r[6],
            duration_minutes=None if r[7] is None else r[7] / 60) for r in rows],
        summary={"total_sessions": sums[3], "total_deposits": sums[1], "total_agent_jobs": sums[4],
                 "average_session_cost_cents": -sums[6] / sums[3] if sums[3] else 0,
                 "average_agent_job_cost_cents": -sums[7] / sums[4] if sums[4] else 0,
                 "total_session_duration_minutes": minutes,
                 "average_session_duration_minutes": minutes / sums[3] if sums[3] else 0},
        pagination={"current_page": 1, "total_pages": -(-items // 25), "total_items": items,
                    "items_per_page": 25, "has_previous": False, "has_next": items > 25})

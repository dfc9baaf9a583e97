"""A small tea shop that never was: its plan, distributors, goods and customers. Seeded, and nothing but data."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from random import Random
from typing import Literal

SEED, DAYS = 20260422, 60
CURRENCIES = ("CNY", "USD", "JPY")
RAILS = {name: f"payouts-{name}" for name in ("alipay", "paypal", "stripe", "wechatpay", "wise")}
"""The rails beside the bank's files, and the connection of each."""
PLAN = {
    "direct": {"rate": "0.10"},
    "indirect": {"rate": "0.03", "of": "sale"},
    "accrue_on": "paid",
    "hold_days": 15,
    "attribution": {"model": "last_click", "click_days": 30, "binding": "first"},
    "payout": {"minimum": {"CNY": 5000, "USD": 1500, "JPY": 1000}, "rails": RAILS},
}


@dataclass(frozen=True)
class Member:
    """A distributor. `account` is where the money goes on the rail, at a bank if that is said; one has not said so yet."""

    key: str
    name: str
    country: str
    locale: str
    sponsor: str | None = None
    rail: str | None = None
    account: str = ""
    bank: str | None = None


MEMBERS = (
    Member("lin", "Lin Mei", "CN", "zh-CN", None, "bank_file", "6222020200112233446", "ICBC Hangzhou"),
    Member("sato", "Sato Yuki", "JP", "ja-JP", None, "paypal", "sato.yuki@promoters.example"),
    Member("chen", "Chen Hao", "CN", "zh-CN", "lin", "alipay", "2088102122524333"),
    Member("wang", "Wang Fang", "CN", "zh-CN", "lin"),
    Member("zhao", "Zhao Lei", "CN", "zh-CN", "lin", "wechatpay", "oX7kP2mVb9QeR4tYw1uZ8sLc3aHd"),
    Member("ito", "Ito Haruka", "JP", "ja-JP", "sato", "bank_file", "0009-456-7654321", "SMBC Osaka"),
    Member("emma", "Emma Brooks", "US", "en-US", "sato", "wise", "40000117"),
    Member("liam", "Liam Carter", "US", "en-US", "sato", "stripe", "acct_1LiamCarterTea0001"),
)
SPONSOR = {member.key: member.sponsor for member in MEMBERS}
COUPONS = {"CHENTEA10": "chen", "EMMASTEEPS": "emma", "HARUKA5": "ito"}

# sku, product, category, merchant, price in minor units by currency
CATALOGUE = (
    ("LONGJING-100", "LONGJING", "tea", "garden", {"CNY": 16800, "USD": 2450, "JPY": 3680}),
    ("LONGJING-250", "LONGJING", "tea", "garden", {"CNY": 38800, "USD": 5590, "JPY": 8480}),
    ("TIEGUANYIN-100", "TIEGUANYIN", "tea", "garden", {"CNY": 12900, "USD": 1890, "JPY": 2780}),
    ("PUER-CAKE-357", "PUER", "tea", "garden", {"CNY": 26999, "USD": 3975, "JPY": 5943}),
    ("SENCHA-80", "SENCHA", "tea", "uji", {"CNY": 9850, "USD": 1425, "JPY": 2157}),
    ("GYOKURO-50", "GYOKURO", "tea", "uji", {"CNY": 19903, "USD": 2899, "JPY": 4321}),
    ("GAIWAN-WHITE", "GAIWAN", "ware", "kiln", {"CNY": 7990, "USD": 1149, "JPY": 1733}),
    ("KYUSU-CLAY", "KYUSU", "ware", "kiln", {"CNY": 31500, "USD": 4555, "JPY": 6875}),
)
SHIPPING = {"CNY": 1200, "USD": 695, "JPY": 550}


@dataclass(frozen=True)
class Customer:
    """Who buys, and the road by which `member` brought them: what they present, and when (days ago) they were bound."""

    id: str
    currency: str
    road: Literal["code", "coupon", "link", "click", "visit", "own", "none"]
    member: str | None = None
    bound_days_ago: float | None = None


def customers() -> list[Customer]:
    """Eighty customers. Two of them are distributors who buy for themselves."""
    random, found = Random(SEED), []
    roads = ("code", "code", "code", "code", "coupon", "coupon", "link", "click", "visit", "none")
    near = {
        "CNY": ("lin", "chen", "wang", "zhao"),
        "USD": ("emma", "liam", "emma", "sato"),
        "JPY": ("sato", "ito", "ito", "lin"),
    }
    for number in range(78):
        currency, road = ("CNY", "USD", "JPY")[number % 3], roads[number % 10]
        member = None if road == "none" else random.choice(near[currency])
        if road == "coupon":
            member = {"CNY": "chen", "USD": "emma", "JPY": "ito"}[currency]
        bound = random.uniform(20, DAYS + 5) if road == "code" else None
        found.append(Customer(f"c-{number + 1:03d}", currency, road, member, bound))
    return [*found, Customer("c-chen", "CNY", "own", "chen"), Customer("c-sato", "JPY", "own", "sato")]


def bound_at(customer: Customer, opened: datetime) -> datetime:
    """When a customer who is bound by code presented it; `opened` is when the demo began."""
    return (opened - timedelta(days=customer.bound_days_ago or 0)).replace(microsecond=0)

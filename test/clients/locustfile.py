"""A load test as it was written for the Flask service, and as Locust's own documentation writes them."""

import os

import requests
from locust import FastHttpUser, HttpUser, SequentialTaskSet, between, events, task

ADMIN = {"X-Admin-Password": os.environ["ADMIN_PASSWORD"]}


@events.test_start.add_listener
def start_empty(environment, **kwargs):
    requests.post(environment.host + "/admin/reset", headers=ADMIN).raise_for_status()


@events.test_stop.add_listener
def leave_empty(environment, **kwargs):
    requests.post(environment.host + "/admin/reset", headers=ADMIN).raise_for_status()


class LifeOfAnOrder(SequentialTaskSet):
    @task
    def create(self):
        order = {"customer_name": "Load Tester", "items": [{"name": "Widget", "quantity": 2}]}
        response = self.client.post("/orders", json=order)
        self.order_id = response.json()["order_id"]

    @task
    def read(self):
        self.client.get(f"/orders/{self.order_id}", name="/orders/[id]")

    @task
    def ship(self):
        path = f"/orders/{self.order_id}/status"
        with self.client.patch(path, json={"status": "shipped"}, name="/orders/[id]/status", catch_response=True) as response:
            if response.status_code != 202 or response.json()["status"] != "queued":
                response.failure(f"not queued: {response.text}")

    @task
    def list(self):
        with self.client.get("/orders", catch_response=True) as response:
            body = response.json()
            if body["total_orders"] != len(body["orders"]):
                response.failure("total_orders is not the number of orders")

    @task
    def delete(self):
        self.client.delete(f"/orders/{self.order_id}", name="/orders/[id]")


class Shopper(HttpUser):
    """With python-requests."""

    wait_time = between(0.1, 0.3)
    tasks = [LifeOfAnOrder]


class FastShopper(FastHttpUser):
    """With geventhttpclient."""

    wait_time = between(0.1, 0.3)
    tasks = [LifeOfAnOrder]


class Operator(HttpUser):
    fixed_count = 1
    wait_time = between(1, 2)

    @task
    def seed(self):
        self.client.post("/admin/seed", json={"count": 5}, headers=ADMIN)

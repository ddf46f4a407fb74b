"""Load test of the orders API: users who list, create, read, change and delete orders, and check what they read.

With a browser (then open http://localhost:8089):

    locust -f test/locustfile.py --host http://localhost:8080

Without one, 100 users for a minute; the exit code is 1 if anything failed:

    locust -f test/locustfile.py --host http://localhost:8080 --headless --users 100 --spawn-rate 20 --run-time 1m
"""

import random

from locust import FastHttpUser, between, task

CUSTOMERS = ["Ada", "Grace", "Zoë Müller", "李雷", "Anna 🍏"]
PRODUCTS = ["apple", "bread", "coffee", "dates", "eggs"]
STATUSES = ["paid", "packed", "shipped", "delivered"]

DELETED = "deleting"


class Customer(FastHttpUser):
    """Reads only orders of their own, so nobody else can have changed what they expect to see.

    A FastHttpUser takes a fraction of an HttpUser's CPU. With a thousand users the times of an HttpUser are mostly those
    of Locust itself (https://docs.locust.io/en/stable/increase-performance.html).
    """

    host = "http://localhost:8080"
    wait_time = between(1, 3)

    def on_start(self):
        # The status that each order must have, by its id; DELETED after a delete.
        self.orders = {}
        self.create_order()

    @task(5)
    def list_orders(self):
        self.client.get("/orders")

    @task(2)
    def create_order(self):
        items = [
            {"name": name, "quantity": random.randint(1, 9)}
            for name in random.sample(PRODUCTS, k=random.randint(1, 3))
        ]
        order = {"customer_name": random.choice(CUSTOMERS), "items": items}
        with self.client.post("/orders", json=order, catch_response=True) as response:
            if accepted(response, "create_order"):
                self.orders[response.json()["order_id"]] = "received"

    @task(3)
    def read_own_order(self):
        if not self.orders:
            return
        order_id, status = random.choice(list(self.orders.items()))
        with self.client.get(f"/orders/{order_id}", name="/orders/[id]", catch_response=True) as response:
            if response.status_code == 404 and status == DELETED:
                response.success()
            elif response.status_code != 200:
                response.failure(f"expected 200, got {response.status_code}")
            elif response.json().get("status") != status:
                response.failure(f"expected the status {status}, got {response.json().get('status')}")

    @task(1)
    def change_status(self):
        order_id = self.pick_undeleted()
        if order_id is None:
            return
        status = random.choice(STATUSES)
        with self.client.patch(
            f"/orders/{order_id}/status",
            name="/orders/[id]/status",
            json={"status": status},
            catch_response=True,
        ) as response:
            self.expect_after(response, "update_order_status", order_id, status)

    @task(1)
    def delete_order(self):
        order_id = self.pick_undeleted()
        if order_id is None:
            return
        with self.client.delete(f"/orders/{order_id}", name="/orders/[id]", catch_response=True) as response:
            self.expect_after(response, "delete_order", order_id, DELETED)

    def pick_undeleted(self):
        """The id of one of the user's orders, or None if there is none left."""
        return random.choice([id for id, status in self.orders.items() if status != DELETED] or [None])

    def expect_after(self, response, job_type, order_id, status):
        """Notes the order's new status, or forgets the order if the write may or may not have happened."""
        if accepted(response, job_type):
            self.orders[order_id] = status
        else:
            del self.orders[order_id]


def accepted(response, job_type):
    """Whether a write was queued as a job of this type; otherwise the request counts as failed."""
    if response.status_code != 202:
        response.failure(f"expected 202, got {response.status_code}")
    elif response.json().get("job_type") != job_type:
        response.failure(f"expected the job_type {job_type}, got {response.json().get('job_type')}")
    else:
        return True
    return False

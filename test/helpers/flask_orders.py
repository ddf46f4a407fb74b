"""A Flask + pika order service of the shape that this project replaces, to stand beside it in tests.

`flask_orders.py api PORT` serves, `flask_orders.py worker` applies jobs, one after the other. Both make the tables where
there are none. Variables: MYSQL_URL, REDIS_URL, RABBITMQ_HOST, RABBITMQ_PORT, RABBITMQ_USER, RABBITMQ_PASSWORD,
RABBITMQ_QUEUE_NAME.
"""
import json
import os
import sys
import threading
import uuid

import pika
import redis
from flask import Flask, jsonify, request
from flask_sqlalchemy import SQLAlchemy

QUEUE = os.environ["RABBITMQ_QUEUE_NAME"]
COPY_SECONDS, CACHE_SECONDS = 60, 30
app = Flask(__name__)
app.config["SQLALCHEMY_DATABASE_URI"] = os.environ["MYSQL_URL"]
db = SQLAlchemy(app)
cache = redis.Redis.from_url(os.environ["REDIS_URL"], decode_responses=True)


class Order(db.Model):
    __tablename__ = "orders"
    id = db.Column(db.String(36), primary_key=True)
    customer_name = db.Column(db.String(80), nullable=False)
    status = db.Column(db.String(20), nullable=False)
    items = db.relationship("Item", cascade="all, delete-orphan")

    def shown(self):
        items = [{"name": item.item_name, "quantity": item.quantity} for item in self.items]
        return {"order_id": self.id, "customer_name": self.customer_name, "status": self.status, "items": items}


class Item(db.Model):
    __tablename__ = "order_items"
    id = db.Column(db.Integer, primary_key=True)
    item_name = db.Column(db.String(80), nullable=False)
    quantity = db.Column(db.Integer, nullable=False)
    order_id = db.Column(db.String(36), db.ForeignKey("orders.id"), nullable=False)


with app.app_context():
    db.create_all()


def open_channel():
    account = pika.PlainCredentials(os.environ["RABBITMQ_USER"], os.environ["RABBITMQ_PASSWORD"])
    server = os.environ["RABBITMQ_HOST"], int(os.environ["RABBITMQ_PORT"])
    parameters = pika.ConnectionParameters(*server, credentials=account, heartbeat=0)
    channel = pika.BlockingConnection(parameters).channel()
    channel.queue_declare(QUEUE, durable=True)
    return channel


publishing = threading.Lock()
channels = []


def enqueue(kind, payload):
    job = {"job_id": str(uuid.uuid4()), "type": kind, "payload": payload}
    with publishing:
        if not channels:
            channels.append(open_channel())
        persistent = pika.BasicProperties(delivery_mode=2)
        channels[0].basic_publish("", QUEUE, json.dumps(job), persistent)
    return jsonify(job_id=job["job_id"], job_type=kind, status="queued", order_id=payload["order_id"]), 202


def copy_of(order_id):
    copy = cache.get("temp_order:" + order_id)
    return None if copy is None else json.loads(copy)


def keep(order_id, copy):
    cache.setex("temp_order:" + order_id, COPY_SECONDS, json.dumps(copy))


@app.post("/orders")
def create():
    body = request.get_json()
    order = {"order_id": str(uuid.uuid4()), "status": "received", **body}
    keep(order["order_id"], order)
    return enqueue("create_order", order)


@app.patch("/orders/<order_id>/status")
def update(order_id):
    status = request.get_json()["status"]
    answer = enqueue("update_order_status", {"order_id": order_id, "status": status})
    copy = copy_of(order_id)
    if copy is not None:
        keep(order_id, {**copy, "status": status})
    return answer


@app.delete("/orders/<order_id>")
def delete(order_id):
    answer = enqueue("delete_order", {"order_id": order_id})
    keep(order_id, {**(copy_of(order_id) or {"order_id": order_id}), "status": "deleting"})
    return answer


@app.get("/orders/<order_id>")
def show(order_id):
    for key in ("temp_order:" + order_id, "orders:detail:" + order_id):
        hit = cache.get(key)
        if hit is not None:
            return jsonify(json.loads(hit))
    order = db.session.get(Order, order_id)
    if order is None:
        return jsonify(error="Order with ID '%s' not found." % order_id), 404
    cache.setex("orders:detail:" + order_id, CACHE_SECONDS, json.dumps(order.shown()))
    return jsonify(order.shown())


@app.get("/orders")
def index():
    key = "orders:list:%d" % int(cache.get("orders:list:version") or 0)
    hit = cache.get(key)
    if hit is not None:
        return jsonify(json.loads(hit))
    orders = [order.shown() for order in Order.query.order_by(Order.id.desc())]
    cache.setex(key, CACHE_SECONDS, json.dumps({"total_orders": len(orders), "orders": orders}))
    return jsonify(total_orders=len(orders), orders=orders)


def apply(kind, payload):
    order = db.session.get(Order, payload["order_id"])
    if kind == "create_order" and order is None:
        items = [Item(item_name=item["name"], quantity=item["quantity"]) for item in payload["items"]]
        named = {name: payload[name] for name in ("customer_name", "status")}
        db.session.add(Order(id=payload["order_id"], items=items, **named))
    elif kind == "update_order_status" and order is not None:
        order.status = payload["status"]
    elif kind == "delete_order" and order is not None:
        db.session.delete(order)
    else:
        print("nothing to do:", kind, payload["order_id"], flush=True)
        return
    db.session.commit()
    cache.incr("orders:list:version")
    cache.delete("orders:detail:" + payload["order_id"])


def on_job(channel, method, _properties, body):
    try:
        job = json.loads(body)
        with app.app_context():
            apply(job["type"], job["payload"])
    except Exception as error:  # it is logged and acknowledged, which is what that service does
        print("failed:", error, flush=True)
    finally:
        channel.basic_ack(method.delivery_tag)


if sys.argv[1] == "api":
    app.run("127.0.0.1", int(sys.argv[2]), threaded=True)
else:
    consuming = open_channel()
    consuming.basic_qos(prefetch_count=1)
    consuming.basic_consume(QUEUE, on_job)
    print("consuming", flush=True)
    consuming.start_consuming()

"""The fruit shop of lessons 10 to 20: a small Flask application, which runs in the notebook's own process.

    shop = open_shop(sessions=Sessions(redis_conn))   # the shop gets what you have built
    maria = shop.browser()                            # a browser keeps its cookies
    print(maria.post("/log-in", user="maria", password="market"))
    print(maria.get("/"))                             # 200 Welcome, maria.
    print(shop.url)                                   # open it in your own browser, too

The views are in application.py: plain Flask, a few lines each. `open_whole_shop(redis_conn)` opens a shop with all its
parts, on one server or on a cluster.
"""

from redis_helpers.course.shop.browser import Browser, Page
from redis_helpers.course.shop.running import Shop, open_shop
from redis_helpers.course.shop.whole_shop import open_whole_shop

__all__ = ["Browser", "Page", "Shop", "open_shop", "open_whole_shop"]

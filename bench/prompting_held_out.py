"""Thirty tasks of the same kinds, by which no wording is chosen: they are counted at the end."""

from __future__ import annotations

from collections.abc import Sequence

from prompting_tasks import (
    FORCED,
    HOME,
    INTEGER,
    LARGE,
    MORE,
    NESTED,
    NONE,
    NUMBER,
    OFFICE,
    ONE,
    OPTIONAL,
    RESULT,
    SMALL,
    TEXT,
    TEXTS,
    TRUTH,
    Task,
    an_object,
    or_null,
)

TASKS: Sequence[Task] = (
    Task(ONE, "Tell me the weather in Lisbon.", [("weather", {"city": "Lisbon"})]),
    Task(ONE, "Can you add 31 and 64?", [("add", {"a": 31, "b": 64})]),
    Task(
        ONE,
        'Translate "good night" into Italian.',
        [("translate", {"text": "good night", "language": "Italian"})],
    ),
    Task(
        ONE,
        "Turn off the lights in the garage.",
        [("lights", {"room": "garage", "on": False})],
        tools=HOME,
    ),
    Task(
        ONE,
        "Send an e-mail to max@example.org with the subject Holidays.",
        [("send_email", {"to": "max@example.org", "subject": "Holidays"})],
        tools=OFFICE,
    ),
    Task(NONE, "What is the capital of Japan?", words=["Tokyo"]),
    Task(NONE, "Good morning!", words=["good", "hello", "hi", "help", "morning"], tools=HOME),
    Task(NONE, "Which animal barks?", words=["dog"], tools=OFFICE),
    Task(
        MORE,
        "Get the weather in Prague and the weather in Athens.",
        [("weather", {"city": "Prague"}), ("weather", {"city": "Athens"})],
    ),
    Task(
        MORE,
        "Turn on the lights in the office and play the song Hello.",
        [("lights", {"room": "office", "on": True}), ("play_music", {"song": "Hello"})],
        tools=HOME,
    ),
    Task(
        MORE,
        "Multiply 3 and 5. Then multiply 2 and 8.",
        [("multiply", {"a": 3, "b": 5}), ("multiply", {"a": 2, "b": 8})],
        tools=OFFICE,
    ),
    Task(
        RESULT,
        "What is the weather in Helsinki?",
        words=["snow"],
        earlier=[("weather", {"city": "Helsinki"}, "Snow, -4 degrees")],
    ),
    Task(
        RESULT,
        'How do you say "house" in French?',
        words=["maison"],
        earlier=[("translate", {"text": "house", "language": "French"}, "maison")],
    ),
    Task(
        RESULT,
        "Multiply 12 and 12.",
        words=["144"],
        tools=OFFICE,
        earlier=[("multiply", {"a": 12, "b": 12}, "144")],
    ),
    Task(FORCED, "Is it windy in Chicago?", [("weather", {"city": "Chicago"})], must_call="any"),
    Task(FORCED, "How much is 70 plus 8?", [("add", {"a": 70, "b": 8})], must_call="add"),
    Task(
        FORCED,
        "What time is it in Paris now?",
        [("clock", {"zone": "Paris"})],
        tools=HOME,
        must_call="clock",
    ),
    Task(
        FORCED,
        "What does a share of AAPL cost?",
        [("stock_price", {"symbol": "AAPL"})],
        tools=OFFICE,
        must_call="stock_price",
    ),
    Task(
        SMALL,
        "In which country is it? The hotel is in Kyoto, in the west of Japan.",
        form=an_object({"country": TEXT}),
        values={"country": "Japan"},
    ),
    Task(
        SMALL,
        "The tower is 96 meters high and was built in 1889.",
        form=an_object({"height": NUMBER, "year": INTEGER}),
        values={"height": 96, "year": 1889},
    ),
    Task(
        SMALL,
        "Is this a question or an order? Close the door!",
        form=an_object({"kind": {"type": "string", "enum": ["question", "order"]}}),
        values={"kind": "order"},
    ),
    Task(
        LARGE,
        "Paul Weber, 52, is a teacher and lives in Graz.",
        form=an_object({"first_name": TEXT, "last_name": TEXT, "age": INTEGER, "job": TEXT}),
        values={"first_name": "Paul", "last_name": "Weber", "age": 52, "job": "teacher"},
    ),
    Task(
        LARGE,
        "The bus from Porto to Faro leaves at 14:20 from stop 7 and costs 25 euros.",
        form=an_object(
            {"origin": TEXT, "destination": TEXT, "time": TEXT, "stop": INTEGER, "price": NUMBER}
        ),
        values={
            "origin": "Porto",
            "destination": "Faro",
            "time": "14:20",
            "stop": 7,
            "price": 25,
        },
    ),
    Task(
        LARGE,
        "For sale: a Canon camera, black, from 2019, used, 300 dollars.",
        form=an_object(
            {"brand": TEXT, "item": TEXT, "color": TEXT, "year": INTEGER, "price": NUMBER}
        ),
        values={"brand": "Canon", "item": "camera", "color": "black", "year": 2019, "price": 300},
    ),
    Task(
        OPTIONAL,
        "I am Ines.",
        form=an_object({"name": TEXT, "age": or_null(INTEGER)}, optional=["age"]),
        values={"name": "Ines", "age": None},
    ),
    Task(
        OPTIONAL,
        "Karl comes from Oslo.",
        form=an_object({"name": TEXT, "city": TEXT, "phone": TEXT}, optional=["city", "phone"]),
        values={"name": "Karl", "city": "Oslo", "phone": None},
    ),
    Task(
        OPTIONAL,
        "Two coffees without sugar, please.",
        form=an_object({"drink": TEXT, "number": INTEGER, "sugar": TRUTH}, optional=["sugar"]),
        values={"drink": "coffee", "number": 2, "sugar": False},
    ),
    Task(
        NESTED,
        "Zoe lives in Ghent, in Belgium.",
        form=an_object({"name": TEXT, "address": an_object({"city": TEXT, "country": TEXT})}),
        values={"name": "Zoe", "address": {"city": "Ghent", "country": "Belgium"}},
    ),
    Task(
        NESTED,
        "Pack socks, shirts and shoes.",
        form=an_object({"items": TEXTS}),
        values={"items": ["socks", "shirts", "shoes"]},
    ),
    Task(
        NESTED,
        "The table is 2 meters long and 1 meter wide. It has 4 legs.",
        form=an_object({"size": an_object({"length": NUMBER, "width": NUMBER}), "legs": INTEGER}),
        values={"size": {"length": 2, "width": 1}, "legs": 4},
    ),
)

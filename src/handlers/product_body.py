"""What an admin sends of a product, whether it is new or changes."""

from typing import Annotated

from pydantic import Field, StringConstraints

from handlers.http.body import Body

MAX_PRICE = 10**12


class ProductBody(Body):
    """A product without its sku."""

    name: Annotated[str, StringConstraints(min_length=1, max_length=200, pattern=r"^[^\x00]*$")]
    description: Annotated[str, StringConstraints(max_length=5000, pattern=r"^[^\x00]*$")] = ""
    price_minor: Annotated[int, Field(ge=0, le=MAX_PRICE)]
    currency: Annotated[str, StringConstraints(pattern=r"^[A-Z]{3}$")]
    active: bool = True

from people import PEOPLE
from singer_delivery.testing import DeliveryPromises


class TestPromises(DeliveryPromises):
    subject = PEOPLE

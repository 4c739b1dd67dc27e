from durable_harness.load import ArrivalUser


class Trips(ArrivalUser):
    start_path = "/api/trips"

    def payload(self, token):
        return {"city": token}

    def check_output(self, sent, output):
        return None if output["city"] == sent["city"] else "a trip to another city"

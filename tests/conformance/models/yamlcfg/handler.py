"""Shows the configuration that its archive carries."""


class Yamlcfg:
    def initialize(self, context):
        self.config = context.model_yaml_config
        self.batch_size = context.system_properties["batch_size"]

    def handle(self, data, context):
        return [{"config": self.config, "batch_size": self.batch_size, "rows": len(data)}] * len(data)

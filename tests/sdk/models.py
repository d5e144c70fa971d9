"""A product model that uses every field of the contract."""

from huaweicloudsdkiotda.v5 import (
    ServiceCapability,
    ServiceCommand,
    ServiceCommandPara,
    ServiceCommandResponse,
    ServiceEvent,
    ServiceProperty,
)

METER = ServiceCapability(
    service_id="Meter",
    service_type="计量",
    description="水表 的 计量；全部",
    option="Master",
    properties=[
        ServiceProperty(
            property_name="temperature",
            data_type="decimal",
            required=True,
            min="-40.0",
            max="120",
            step=0.25,
            unit="℃",
            method="RWE",
            description="温度",
        ),
        ServiceProperty(
            property_name="mode",
            data_type="enum",
            required=False,
            enum_list=["开", "关"],
            max_length=0,
            method="RW",
            default_value="关",
        ),
        ServiceProperty(property_name="pulses", data_type="long", min="0", max="999999999999", method="R"),
        ServiceProperty(property_name="notes", data_type="string list", max_length=20, method="RW"),
        ServiceProperty(
            property_name="limits", data_type="jsonObject", method="RW", default_value={"low": None, "高": 21}
        ),
    ],
    commands=[
        ServiceCommand(
            command_name="阀门",
            paras=[
                ServiceCommandPara(
                    para_name="angle",
                    data_type="int",
                    required=True,
                    enum_list=[],
                    min="0",
                    max="90",
                    max_length=0,
                    step=15.0,
                    unit="°",
                    description="角度",
                )
            ],
            responses=[
                ServiceCommandResponse(
                    response_name="done", paras=[ServiceCommandPara(para_name="at", data_type="DateTime")]
                )
            ],
        )
    ],
    events=[ServiceEvent(event_type="leak", paras=[ServiceCommandPara(para_name="litres", data_type="decimal")])],
)

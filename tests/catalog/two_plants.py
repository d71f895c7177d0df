"""A lamp whose frame is welded in either of two plants: open round the clock, the same at any hour."""

# ruff: noqa: E501 - a catalog file

LAMP = """\
format: 1
product:
  code: lamp
  name: {zh: 台灯, en: Lamp}
  description: {zh: 一盏灯, en: A lamp}
  steps:
    - {id: look, name: {zh: 外观, en: Look}}
  groups:
    - id: colour
      step: look
      name: {zh: 颜色, en: Colour}
      default: red
      options:
        - {id: red, name: {zh: 红, en: Red}}
        - {id: blue, name: {zh: 蓝, en: Blue}}
    - id: frame
      step: look
      name: {zh: 灯架, en: Frame}
      options:
        - {id: small, name: {zh: 小, en: Small}, numbers: {time: 30}}
        - {id: large, name: {zh: 大, en: Large}, numbers: {time: 60}}
prices:
  code: lamp_retail
  product: lamp
  currency: EUR
  basis: gross
  tax: {DE: "19"}
  items:
    - {id: base, name: {zh: 台灯, en: Lamp}, amount: 50}
manufacturing:
  product: lamp
  valid_from: 2026-01-01
  bom:
    - {component: tube, name: {zh: 管, en: Tube}, material: tube}
  routing:
    - {operation: weld, name: {zh: 焊接, en: Weld}, stage: welding, minutes: frame.time, takes: [tube]}
    - {operation: grind, name: {zh: 打磨, en: Grind}, stage: welding, minutes: 10, after: [{operation: weld}]}
    - {operation: wire, name: {zh: 接线, en: Wire}, stage: wiring, minutes: 20}
    - {operation: fit, name: {zh: 总装, en: Fit}, stage: wiring, minutes: 15 + 5 * colour.blue, after: [{operation: grind, wait_minutes: 30}, {operation: wire}]}
  parts:
    - {part: frame, name: {zh: 灯架, en: Lamp frame}, operations: [weld, grind], plants: [bonn]}
factory:
  calendars:
    - code: always
      zone: UTC
      weekly:
        - {days: [mon, tue, wed, thu, fri, sat, sun], start: "00:00", end: "00:00"}
  materials:
    - {code: tube, name: {zh: 管, en: Tube}, unit: pcs}
  plants:
    - code: ulm
      name: {zh: 乌尔姆, en: Ulm}
      zone: UTC
      country: DE
      lines:
        - {code: weld-1, name: {zh: 焊接, en: Welding}, stage: welding, calendar: always}
        - {code: wire-1, name: {zh: 接线, en: Wiring}, stage: wiring, calendar: always}
      materials:
        tube: {stock: 1000}
      carriers:
        - {code: parcel, name: {zh: 快递, en: Parcel}, cutoff: "00:00", working_days: [mon, tue, wed, thu, fri, sat, sun], transit_days: {DE: 1}}
    - code: bonn
      name: {zh: 波恩, en: Bonn}
      zone: UTC
      country: DE
      lines:
        - {code: weld-1, name: {zh: 焊接, en: Welding}, stage: welding, calendar: always}
        - {code: wire-1, name: {zh: 接线, en: Wiring}, stage: wiring, calendar: always, speed_percent: 1}
      materials:
        tube: {stock: 1000}
      carriers:
        - {code: parcel, name: {zh: 快递, en: Parcel}, cutoff: "00:00", working_days: [mon, tue, wed, thu, fri, sat, sun], transit_days: {DE: 30}}
  transports:
    - origin: bonn
      destination: ulm
      minutes: 240
      departures:
        - {days: [mon, tue, wed, thu, fri, sat, sun], time: "06:00"}
        - {days: [mon, tue, wed, thu, fri, sat, sun], time: "18:00"}
    - origin: ulm
      destination: bonn
      minutes: 240
      departures:
        - {days: [mon, tue, wed, thu, fri, sat, sun], time: "12:00"}
"""

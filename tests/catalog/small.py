"""A small catalog file with one of everything, for tests that break it in one place."""

# ruff: noqa: E501 - a catalog file

LAMP = """\
format: 1
product:
  code: lamp
  name: {zh: 台灯, en: Lamp}
  description: {zh: 一盏灯, en: A lamp}
  steps:
    - {id: look, name: {zh: 外观, en: Look}}
    - {id: more, name: {zh: 其他, en: More}}
  groups:
    - id: colour
      step: look
      name: {zh: 颜色, en: Colour}
      default: red
      options:
        - {id: red, name: {zh: 红, en: Red}}
        - {id: blue, name: {zh: 蓝, en: Blue}}
    - id: shade
      step: look
      name: {zh: 灯罩, en: Shade}
      options:
        - {id: small, name: {zh: 小, en: Small}, numbers: {width: 20}}
        - {id: large, name: {zh: 大, en: Large}, numbers: {width: 40}}
    - id: feet
      step: more
      name: {zh: 脚垫, en: Feet}
      minimum: 0
      maximum: 2
      options:
        - {id: rubber, name: {zh: 橡胶, en: Rubber}}
        - {id: felt, name: {zh: 毛毡, en: Felt}}
  parameters:
    - {id: height, step: more, name: {zh: 高度, en: Height}, unit: cm, minimum: 10, maximum: 50, step_size: 5, default: 20}
  texts:
    - {id: label, step: more, name: {zh: 刻字, en: Label}, maximum_length: 10, requires: colour.red}
  rules:
    - id: stable
      text: {zh: 高灯要小灯罩, en: A high lamp needs a small shade.}
      expression: height > 40 => shade.small
    - id: pairs
      text: {zh: 蓝配大, en: Blue goes with large.}
      table:
        groups: [colour, shade]
        rows:
          - [red, small]
          - [red, large]
          - [blue, large]
  presets:
    - {id: calm, name: {zh: 安静, en: Calm}, choices: {colour: blue, shade: large}}
prices:
  code: lamp_retail
  product: lamp
  currency: EUR
  basis: gross
  tax: {DE: "19", CN: "13"}
  items:
    - {id: base, name: {zh: 台灯, en: Lamp}, amount: 49.90}
    - {id: blue, option: colour.blue, name: {zh: 蓝, en: Blue}, amount: 5, cost: 2}
    - {id: tall, name: {zh: 高度, en: Height}, amount: 0.125 * height}
    - {id: label, when: length(label) > 0, name: {zh: 刻字, en: Label}, amount: 3 + 0.5 * length(label)}
manufacturing:
  product: lamp
  valid_from: 2026-01-01
  bom:
    - {component: tube, name: {zh: 管, en: Tube}, material: tube, quantity: height / 10}
    - {component: paint, name: {zh: 漆, en: Paint}, material: paint, quantity: 7, when: colour.blue}
    - {component: screws, name: {zh: 螺丝, en: Screws}}
  routing:
    - {operation: cut, name: {zh: 切, en: Cut}, stage: cutting, minutes: 5 + height / 10, takes: [tube]}
    - {operation: coat, name: {zh: 涂, en: Coat}, stage: painting, minutes: 8, when: colour.blue, after: [{operation: cut, wait_minutes: 3}], family_of: colour, takes: [paint]}
    - {operation: fit, name: {zh: 装, en: Fit}, stage: fitting, minutes: 10, after: [{operation: coat, wait_minutes: 15}]}
factory:
  holidays:
    feast:
      - {name: {zh: 节, en: Feast}, first: 2026-12-25, last: 2026-12-26}
  calendars:
    - code: day
      zone: Europe/Berlin
      weekly:
        - {days: [mon, tue, wed, thu, fri], start: "08:00", end: "16:00"}
      holidays: feast
  setup_matrices:
    - code: paint
      families: {red: warm, blue: cold}
      minutes:
        warm: {warm: 2, cold: 6}
        cold: {warm: 9, cold: 2}
  materials:
    - {code: tube, name: {zh: 管, en: Tube}, unit: pcs}
    - {code: paint, name: {zh: 漆, en: Paint}, unit: g}
  plants:
    - code: ulm
      name: {zh: 乌尔姆, en: Ulm}
      zone: Europe/Berlin
      country: DE
      lines:
        - {code: saw, name: {zh: 锯, en: Saw}, stage: cutting, calendar: day}
        - {code: booth, name: {zh: 漆房, en: Booth}, stage: painting, calendar: day, setup_matrix: paint}
        - {code: bench, name: {zh: 台, en: Bench}, stage: fitting, calendar: day, speed_percent: 80}
      materials:
        tube: {stock: 100, supply: [{arrives_in_days: 2, quantity: 50, times: 3}, {arrives_in_days: 9, quantity: 1}]}
        paint: {stock: 1000}
      carriers:
        - {code: parcel, name: {zh: 快递, en: Parcel}, cutoff: "16:00", working_days: [mon, tue, wed, thu, fri], transit_days: {DE: 2, CN: 12}}
"""

DOT = b'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 40 30"><circle cx="20" cy="15" r="9" fill="#c8443a"/></svg>'


def line_of(text: str, part: str) -> int:
    """The line on which `part` stands; it stands there once."""
    lines = [number for number, line in enumerate(text.splitlines(), 1) if part in line]
    assert len(lines) == 1, f"{part!r} stands on lines {lines}"
    return lines[0]


def broken(old: str, new: str) -> str:
    """The lamp with one thing changed, which stands in it exactly once."""
    assert LAMP.count(old) == 1, f"{old!r} stands in the file {LAMP.count(old)} times"
    return LAMP.replace(old, new)


def section(name: str) -> str:
    """A file with one section of the lamp."""
    lines = LAMP.splitlines()
    start = lines.index(f"{name}:")
    end = next((n for n in range(start + 1, len(lines)) if not lines[n].startswith(" ")), len(lines))
    return "\n".join(["format: 1", *lines[start:end], ""])

"""A small catalog file with everything that depends on other answers: conditions, quantities, look-ups, components."""

# ruff: noqa: E501 - a catalog file

CHEST = """\
format: 1
product:
  code: chest
  name: {zh: 抽屉柜, en: Chest}
  description: {zh: 一个抽屉柜, en: A chest of drawers}
  steps:
    - {id: body, name: {zh: 柜体, en: Body}}
    - {id: drawers, name: {zh: 抽屉, en: Drawers}}
  groups:
    - id: board
      step: body
      name: {zh: 板材, en: Board}
      default: pine
      options:
        - {id: pine, name: {zh: 松木, en: Pine}, numbers: {grams: 9}}
        - {id: oak, name: {zh: 橡木, en: Oak}, numbers: {grams: 14}}
    - id: finish
      step: body
      name: {zh: 饰面, en: Finish}
      default: plain
      options:
        - {id: plain, name: {zh: 清漆, en: Clear lacquer}}
        - {id: special, name: {zh: 定制色, en: Special colour}}
    - id: gloss
      step: body
      name: {zh: 光泽, en: Gloss}
      when: finish.special
      default: matt
      options:
        - {id: matt, name: {zh: 哑光, en: Matt}}
        - {id: high, name: {zh: 高光, en: High gloss}}
  parameters:
    - {id: width, step: body, name: {zh: 宽度, en: Width}, unit: mm, minimum: 400, maximum: 1200, step_size: 50, default: 800}
    - {id: ral, step: body, name: {zh: 色号, en: Colour number}, unit: RAL, minimum: 1000, maximum: 9000, when: finish.special, default: 3000}
    - {id: drawers, step: drawers, name: {zh: 抽屉数, en: Number of drawers}, unit: {zh: 个, en: drawers}, minimum: 0, maximum: 3, default: 2}
  texts:
    - id: label
      step: body
      name: {zh: 刻字, en: Label}
      maximum_length: 12
      minimum_length: 2
      requires: not finish.special
      patterns:
        - {when: board.oak, maximum_length: 5, pattern: "[A-Z]+"}
  quantities:
    - {id: height, name: {zh: 高度, en: Height}, unit: mm, formula: "80 + sum(drawer, front_height)"}
    - {id: weight, name: {zh: 重量, en: Weight}, unit: g, formula: "width * board.grams + sum(drawer, grams)"}
    - {id: deepest, formula: "max(drawer, front_height)"}
  lookups:
    - id: lock_price
      columns: [board, width]
      rows:
        - [pine, ..800, 12.50]
        - [pine, 801.., 15]
        - [oak, "*", 10 + width / 100]
      otherwise: 0
    - id: plate
      name: {zh: 背板, en: Back plate}
      text: {zh: 橡木柜最宽 1000 毫米。, en: An oak chest is at most 1000 mm wide.}
      columns: [board, width]
      rows:
        - [pine, "*", 3]
        - [oak, 400..1000, 5]
  components:
    - id: drawer
      name: {zh: 抽屉, en: Drawer}
      count: drawers
      groups:
        - id: front
          step: drawers
          name: {zh: 面板, en: Front}
          default: flat
          options:
            - {id: flat, name: {zh: 平板, en: Flat}, numbers: {cents: 500}}
            - {id: framed, name: {zh: 框板, en: Framed}, numbers: {cents: 900}}
        - id: knob
          step: drawers
          name: {zh: 拉手, en: Knob}
          when: front.framed
          options:
            - {id: brass, name: {zh: 黄铜, en: Brass}}
            - {id: steel, name: {zh: 钢, en: Steel}}
      parameters:
        - {id: front_height, step: drawers, name: {zh: 面板高, en: Front height}, unit: mm, minimum: 100, maximum: 300, step_size: 50, default: 150}
      quantities:
        - {id: grams, formula: "50 + front_height * width / 1000 * board.grams"}
      lookups:
        - {id: runner, columns: [front_height], rows: [[..150, 1], ["*", 2]], otherwise: 0}
      rules:
        - {id: low, text: {zh: 框板至少高 150 毫米。, en: A framed front is at least 150 mm high.}, expression: front.framed => front_height >= 150}
        - id: sizes
          text: {zh: 黄铜拉手不用于矮面板。, en: Brass knobs do not go on low fronts.}
          table: {columns: [knob, front_height], rows: [[brass, ..150]], allowed: false}
      texts:
        - id: tag
          step: drawers
          name: {zh: 标签, en: Tag}
          maximum_length: 10
          requires: front.flat
          patterns:
            - {when: front_height <= 100, maximum_length: 4}
      preferences:
        - {when: board.oak and number = 2, choose: {knob: steel}, weight: 2}
  rules:
    - {id: tall, text: {zh: 柜高不超过 600 毫米。, en: The chest is at most 600 mm high.}, expression: height <= 600}
    - {id: alike, text: {zh: 框板要么全用要么不用。, en: All fronts are framed or none is.}, expression: "all(drawer, front.framed) or not any(drawer, front.framed)"}
    - id: wide
      text: {zh: 宽柜要橡木。, en: A wide chest is made of oak.}
      table:
        columns: [board, width]
        rows:
          - [pine, 400..1000]
          - [oak, "*"]
  preferences:
    - {when: board.oak, choose: {drawer_1_front: framed}, weight: 3}
prices:
  code: chest_retail
  product: chest
  currency: EUR
  basis: gross
  tax: {DE: "19"}
  items:
    - {id: base, name: {zh: 柜体, en: Body}, amount: 100 + weight / 1000}
    - {id: lock, name: {zh: 锁, en: Lock}, amount: lock_price}
    - {id: fronts, name: {zh: 面板, en: Fronts}, amount: "sum(drawer, front.cents / 100 * runner)", when: "count(drawer, 1) > 0"}
    - {id: tags, name: {zh: 标签, en: Tags}, amount: "sum(drawer, length(tag)) / 2", when: "sum(drawer, length(tag)) > 0"}
    - {id: special, name: {zh: 定制色, en: Special colour}, amount: "20 + (when ral >= 5000 then 7 else 0)", option: finish.special}
manufacturing:
  product: chest
  valid_from: 2026-01-01
  bom:
    - {component: runners, name: {zh: 滑轨, en: Runners}, material: runner, quantity: "sum(drawer, runner)"}
    - {component: plates, name: {zh: 背板, en: Plates}, quantity: plate}
  routing:
    - {operation: cut, name: {zh: 切, en: Cut}, stage: cutting, minutes: 5 + 2 * drawers, takes: [runners]}
factory:
  calendars:
    - code: day
      zone: Europe/Berlin
      weekly:
        - {days: [mon, tue, wed, thu, fri], start: "08:00", end: "16:00"}
  materials:
    - {code: runner, name: {zh: 滑轨, en: Runner}, unit: pcs}
  plants:
    - code: ulm
      name: {zh: 乌尔姆, en: Ulm}
      zone: Europe/Berlin
      country: DE
      lines:
        - {code: saw, name: {zh: 锯, en: Saw}, stage: cutting, calendar: day}
      materials:
        runner: {stock: 1000}
      carriers:
        - {code: parcel, name: {zh: 快递, en: Parcel}, cutoff: "16:00", working_days: [mon, tue, wed, thu, fri], transit_days: {DE: 2}}
"""

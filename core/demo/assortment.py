"""What the demo's seller sells.

Densities are those of the solid or the liquid at 20 °C in kg/m³ (grains and powders without the air between
them, timber at 12 % moisture), from the producers' data sheets and standards. Prices are plausible ones per
kg in EUR. `lot_kg` is what is usually bought at once.
"""

from decimal import Decimal
from typing import NamedTuple

from django.utils.text import slugify


class Article(NamedTuple):
    """A material of the assortment; its slug is `rebar-12` for "Rebar 12 mm"."""

    category: str
    slug: str
    name: str
    form: str
    grade: str
    density_kg_per_m3: Decimal
    price_per_kg: Decimal
    lot_kg: int


TABLE = """
Rebar
Rebar 8 mm | bar | B500B | 7850 | 0.8150 | 1000
Rebar 10 mm | bar | B500B | 7850 | 0.7850 | 1000
Rebar 12 mm | bar | B500B | 7850 | 0.7600 | 2000
Rebar 16 mm | bar | B500B | 7850 | 0.7550 | 2000
Rebar 20 mm | bar | B500B | 7850 | 0.7550 | 2000
Rebar 28 mm | bar | B500B | 7850 | 0.7700 | 2000
Rebar coil 10 mm | coil | B500A | 7850 | 0.7400 | 3000
Reinforcing mesh Q335A | mesh | B500A | 7850 | 0.8900 | 1000
Reinforcing mesh R188A | mesh | B500A | 7850 | 0.9200 | 1000
Stainless rebar 12 mm | bar | 1.4362 | 7800 | 4.1500 | 250

Structural steel
Beam IPE 200 | beam | S235JR | 7850 | 1.0900 | 1500
Beam IPE 300 | beam | S355J2 | 7850 | 1.1400 | 2000
Beam HEA 160 | beam | S235JR | 7850 | 1.1200 | 1500
Beam HEB 240 | beam | S355J2 | 7850 | 1.1600 | 2500
Channel UPN 140 | channel | S235JR | 7850 | 1.1300 | 750
Angle 60 x 60 x 6 | angle | S235JR | 7850 | 1.0500 | 500
Square tube 80 x 80 x 4 | tube | S355J2H | 7850 | 1.2400 | 750
Steel plate 10 mm | plate | S355J2+N | 7850 | 1.0700 | 2000
Steel plate 30 mm | plate | S690QL | 7850 | 1.6900 | 2000
Steel sheet 2 mm | sheet | DC01 | 7850 | 0.9900 | 1000
Galvanised sheet 1 mm | sheet | DX51D+Z275 | 7850 | 1.1900 | 1000
Weathering steel plate 6 mm | plate | S355J2W | 7850 | 1.4800 | 1000

Engineering steel
Round bar C45 50 mm | bar | 1.0503 | 7850 | 1.3200 | 500
Round bar 42CrMo4 80 mm | bar | 1.7225 | 7830 | 1.7800 | 500
Round bar 16MnCr5 60 mm | bar | 1.7131 | 7850 | 1.5900 | 500
Tool steel X153CrMoV12 | block | 1.2379 | 7700 | 6.4500 | 100
High-speed steel HS6-5-2 | bar | 1.3343 | 8160 | 14.8000 | 50
Spring steel strip 51CrV4 | strip | 1.8159 | 7840 | 2.6500 | 200

Stainless steel
Stainless sheet 1.5 mm 304 | sheet | 1.4301 | 7900 | 3.1500 | 500
Stainless sheet 2 mm 316L | sheet | 1.4404 | 8000 | 4.6500 | 500
Stainless coil 430 | coil | 1.4016 | 7700 | 2.2500 | 1000
Stainless plate 12 mm 316L | plate | 1.4404 | 8000 | 4.9500 | 500
Stainless round bar 30 mm 303 | bar | 1.4305 | 7900 | 3.8500 | 250
Stainless tube 48.3 mm 316Ti | tube | 1.4571 | 8000 | 6.1500 | 250
Duplex plate 15 mm | plate | 1.4462 | 7800 | 5.4500 | 500
Stainless plate 8 mm 904L | plate | 1.4539 | 8000 | 11.9000 | 100

Aluminium
Aluminium sheet 1050A | sheet | EN AW-1050A H14 | 2710 | 3.6500 | 250
Aluminium sheet 5754 | sheet | EN AW-5754 H22 | 2670 | 3.8500 | 250
Aluminium plate 5083 | plate | EN AW-5083 H111 | 2660 | 4.4500 | 500
Aluminium profile 6060 | profile | EN AW-6060 T66 | 2700 | 4.1500 | 200
Aluminium round bar 6082 | bar | EN AW-6082 T6 | 2700 | 4.3500 | 200
Aluminium plate 7075 | plate | EN AW-7075 T651 | 2810 | 8.7500 | 100
Aluminium bar 2017A | bar | EN AW-2017A T4 | 2790 | 5.9500 | 100
Aluminium ingot 99.7 | ingot | P1020A | 2700 | 2.4800 | 2000
Aluminium tread plate | plate | EN AW-5754 H114 | 2670 | 4.2500 | 250

Copper
Copper sheet Cu-DHP | sheet | CW024A | 8940 | 11.2000 | 100
Copper busbar Cu-ETP | bar | CW004A | 8930 | 10.8500 | 100
Copper tube 22 mm | tube | CW024A R290 | 8940 | 11.6500 | 100
Copper wire 2.5 mm | wire | CW004A | 8930 | 10.4500 | 250
Copper cathode | cathode | Cu-CATH-1 | 8960 | 9.1500 | 2000
Copper chromium zirconium bar | bar | CW106C | 8890 | 18.9000 | 50

Brass and bronze
Brass round bar 25 mm | bar | CW614N | 8470 | 7.1500 | 100
Brass hexagon bar 19 mm | bar | CW617N | 8430 | 7.2500 | 100
Brass sheet 1 mm | sheet | CW508L | 8440 | 8.0500 | 100
Lead-free brass bar | bar | CW510L | 8400 | 7.9500 | 100
Bronze bar CuSn8 | bar | CW453K | 8800 | 14.6000 | 50
Cast bronze bush stock CuSn12 | tube | CC483K | 8700 | 15.9000 | 50
Aluminium bronze bar | bar | CW307G | 7600 | 13.2000 | 50

Other metals
Zinc sheet 0.7 mm | sheet | EN 988 | 7200 | 4.9500 | 200
Zinc ingot SHG | ingot | Z1 99.995 | 7140 | 2.7800 | 1000
Lead sheet 2 mm | sheet | PB810M | 11340 | 3.1500 | 250
Tin ingot 99.9 | ingot | Sn99.90 | 7290 | 29.5000 | 50
Titanium sheet grade 2 | sheet | 3.7035 | 4510 | 27.5000 | 25
Titanium bar grade 5 | bar | 3.7165 | 4430 | 39.0000 | 25
Magnesium plate AZ31B | plate | AZ31B | 1770 | 19.5000 | 25
Nickel alloy 625 sheet | sheet | 2.4856 | 8440 | 42.0000 | 25

Polymers
PE-HD sheet 10 mm | sheet | PE 300 | 950 | 3.9500 | 100
PE-UHMW plate 20 mm | plate | PE 1000 | 930 | 5.8500 | 100
PE-LD granulate | granulate | MFI 2 | 920 | 1.2800 | 1000
PP-H sheet 8 mm | sheet | PP-H | 910 | 4.2500 | 100
PP granulate | granulate | MFI 12 | 905 | 1.2200 | 1000
PVC-U sheet 5 mm | sheet | PVC-CAW | 1420 | 3.6500 | 100
PA 6 cast bar 60 mm | bar | PA 6 G | 1150 | 7.9500 | 50
PA 66 GF30 granulate | granulate | GF30 | 1360 | 3.4500 | 500
POM-C bar 40 mm | bar | POM-C | 1410 | 6.9500 | 50
PTFE sheet 3 mm | sheet | virgin | 2160 | 16.5000 | 25
PEEK bar 30 mm | bar | natural | 1310 | 98.0000 | 5
PMMA sheet 4 mm | sheet | cast | 1190 | 5.4500 | 100
Polycarbonate sheet 6 mm | sheet | UV 2 | 1200 | 6.2500 | 100
ABS sheet 3 mm | sheet | ABS | 1050 | 4.6500 | 100
PET granulate | granulate | IV 0.80 | 1380 | 1.1500 | 1000

Timber
Spruce construction timber C24 | beam | C24 KVH | 450 | 0.9200 | 500
Glulam beam GL24h | beam | GL24h | 440 | 1.3400 | 1000
Larch decking 27 mm | board | A/B | 590 | 2.0500 | 250
Douglas fir planks 40 mm | plank | S10 | 530 | 1.4500 | 250
Oak planks 52 mm | plank | A | 710 | 2.9500 | 250
Beech planks 40 mm | plank | A | 720 | 1.3500 | 250
Birch plywood 18 mm | panel | BB/BB | 680 | 1.8500 | 250
OSB 3 panel 18 mm | panel | OSB/3 | 620 | 0.7200 | 500
MDF panel 19 mm | panel | E1 | 750 | 0.8100 | 500

Aggregates
Quartz sand 0-2 | bulk | EN 12620 | 2650 | 0.0185 | 20000
Gravel 8-16 | bulk | EN 12620 | 2650 | 0.0195 | 25000
Granite chippings 5-8 | bulk | EN 13043 | 2650 | 0.0240 | 20000
Basalt chippings 8-11 | bulk | EN 13043 | 2950 | 0.0265 | 20000
Limestone base 0-32 | bulk | EN 13285 | 2700 | 0.0135 | 25000
Recycled concrete 0-45 | bulk | EN 13242 | 2350 | 0.0085 | 25000
Expanded clay 4-8 | bag | EN 13055 | 600 | 0.3200 | 1000

Cement and binders
Cement CEM I 42.5 R | bag | EN 197-1 | 3120 | 0.1480 | 5000
Cement CEM I 52.5 N | bulk | EN 197-1 | 3130 | 0.1420 | 25000
Cement CEM II/A-LL 42.5 N | bulk | EN 197-1 | 3050 | 0.1290 | 25000
Cement CEM III/B 42.5 L-LH | bulk | EN 197-1 | 2940 | 0.1250 | 25000
Fly ash | bulk | EN 450-1 | 2300 | 0.0480 | 20000
Hydrated lime CL 90-S | bag | EN 459-1 | 2240 | 0.2150 | 2500
Gypsum plaster | bag | EN 13279-1 | 2630 | 0.1950 | 2500
Silica fume | bag | EN 13263-1 | 2200 | 0.5900 | 1000

Chemicals
Caustic soda pearls | bag | 99 % | 2130 | 0.7900 | 1000
Caustic soda solution 50 % | IBC | 50 % | 1520 | 0.4150 | 3000
Hydrochloric acid 32 % | IBC | 32 % | 1160 | 0.2650 | 2000
Sulphuric acid 96 % | IBC | 96 % | 1840 | 0.3150 | 3000
Nitric acid 53 % | IBC | 53 % | 1330 | 0.4450 | 2000
Phosphoric acid 75 % | IBC | 75 % | 1580 | 1.1900 | 1500
Hydrogen peroxide 35 % | IBC | 35 % | 1130 | 0.6850 | 1000
Isopropanol | drum | 99.8 % | 785 | 1.6500 | 800
Acetone | drum | 99.5 % | 791 | 1.4200 | 800
Monoethylene glycol | drum | fibre grade | 1113 | 1.2800 | 1000
Soda ash dense | bag | 99.2 % | 2530 | 0.4250 | 1000
Urea prilled | bag | 46 % N | 1320 | 0.5150 | 1000
Calcium chloride flakes | bag | 77 % | 1850 | 0.4650 | 1000
Citric acid monohydrate | bag | E 330 | 1540 | 1.2400 | 500
"""
"""A category on a line of its own, then name | form | grade | density | price | usual lot."""


def _articles(table: str) -> tuple[Article, ...]:
    found, category = [], ""
    for line in filter(None, table.splitlines()):
        fields = [field.strip() for field in line.split("|")]
        if len(fields) == 1:
            category = fields[0]
            continue
        name, form, grade, density, price, lot = fields
        slug = slugify(name.removesuffix(" mm"))
        found.append(Article(category, slug, name, form, grade, Decimal(density), Decimal(price), int(lot)))
    return tuple(found)


ASSORTMENT = _articles(TABLE)

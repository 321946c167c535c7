"""English text as people write it: every class of rule, and what looks like it but is not."""

import pytest

from tests.text.linear_time import assert_linear
from text.normalise import normalise

RANGES = [
    ("9am-5pm, 3pm–5pm", "nine AM to five PM, three PM to five PM"),
    ("10:30-11:45 AM", "ten thirty to eleven forty-five AM"),
    ("5-7pm. Then", "five to seven PM. Then"),
    ("$5-$10, $2-3 million", "five to ten dollars, two to three million dollars"),
    ("$1.2-$1.5 billion", "one point two to one point five billion dollars"),
    ("1,000-2,000 people", "one thousand to two thousand people"),
    ("500-1000 people", "five hundred to one thousand people"),
    ("20%-30%, 20-30%", "twenty percent to thirty percent, twenty to thirty percent"),
    ("3-5 kg, 20-25°C", "three to five kilograms, twenty to twenty-five degrees Celsius"),
    ("May 5-7, 5-7 May", "May fifth to seventh, May fifth to seventh"),
    ("Jan 5 - Feb 10", "January fifth to February tenth"),
    ("Mon-Fri, Monday-Friday", "Monday to Friday, Monday to Friday"),
    ("Sat-Sun 9-5", "Saturday to Sunday nine to five"),
    ("1980s–1990s", "nineteen eighties to nineteen nineties"),
    ("iPhone 15 - 20% off", "iPhone fifteen — twenty percent off"),
    ("F-16, COVID-19, 7-Eleven", "F-sixteen, COVID-nineteen, seven-Eleven"),
]
PLACES = [
    ("123 Main St., Austin", "one twenty-three Main Street, Austin"),
    ("221B Baker Street", "two twenty-one B Baker Street"),
    ("1250 N. Main Street", "twelve fifty North Main Street"),
    ("2000 people on Main Street", "two thousand people on Main Street"),
    ("42nd St. and 5th Ave", "forty-second Street and fifth Avenue"),
    ("on Elm Dr. near St. Mary's", "on Elm Drive near Saint Mary's"),
    ("123 Oak Dr. Apt 4", "one twenty-three Oak Drive Apt four"),
    ("Mt Everest, St Paul's", "Mount Everest, Saint Paul's"),
    ("100 W 5th Ave", "one hundred West fifth Avenue"),
    ("a 100 W bulb", "a one hundred watt bulb"),
    ("In St. Louis", "In Saint Louis"),
    ("Thanks Dr. Smith. The Dr. said", "Thanks Doctor Smith. The Dr. said"),
    ("Hwy 1, Oak Ln., Sunset Blvd", "Highway one, Oak Lane, Sunset Boulevard"),
    ("Austin, TX 78701", "Austin, Texas seven eight seven zero one"),
]
STOPS = [
    ("The U.S. Supreme Court", "The US Supreme Court"),
    ("in the U.S. He left", "in the US. He left"),
    ("8 p.m. ET", "eight PM ET"),
    ("at 5 p.m. John came", "at five PM. John came"),
    ("at 5 p.m. Monday", "at five PM Monday"),
    ("John F. Kennedy, J.R.R. Tolkien", "John F Kennedy, JRR Tolkien"),
    ("plan B. Then left", "plan B. Then left"),
    ("vitamin C. Doctors", "vitamin C. Doctors"),
    ("P.O. Box 12", "PO Box twelve"),
    ("Sanders (I-N.Y.)", "Sanders (I-NY)"),
    ("Smith vs. Jones", "Smith versus Jones"),
    ("Lee, Ph.D.", "Lee, PhD."),
]
DATES = [
    ("Jan 2024, in Feb. we", "January twenty twenty-four, in February we"),
    ("Jan Smith. Ask Jan. She", "Jan Smith. Ask Jan. She"),
    ("Tue, Thurs., Wed Nov 5", "Tuesday, Thursday, Wednesday November fifth"),
    ("I sat. Sun came. Sat down", "I sat. Sun came. Sat down"),
    ("Mon Dieu, May I, March on", "Mon Dieu, May I, March on"),
    ("25/12/2023", "December twenty-fifth, twenty twenty-three"),
    ("11/21/26", "November twenty-first, twenty twenty-six"),
    ("1/2/99", "January second, nineteen ninety-nine"),
    ("11-21-2026", "November twenty-first, twenty twenty-six"),
    ("5.4.2024", "April fifth, twenty twenty-four"),
    ("21-Nov-2026", "November twenty-first, twenty twenty-six"),
    ("15:00", "fifteen hundred"),
    ("in 1066, 1066 men", "in ten sixty-six, one thousand sixty-six men"),
    ("2024-11-05T14:30", "November fifth, twenty twenty-four at fourteen thirty"),
]
SLASHES = [
    ("$20/month, $15/hr", "twenty dollars per month, fifteen dollars per hour"),
    ("10/10, 18/20", "ten out of ten, eighteen out of twenty"),
    ("9/10 of people", "nine tenths of people"),
    ("9/11, 24/7, 50/50", "nine eleven, twenty-four seven, fifty fifty"),
    ("120/80", "one hundred twenty over eighty"),
    ("on 12/3, reduced by 1/2", "on December third, reduced by one half"),
    ("2/5, 3/8, 2/3rds", "two fifths, three eighths, two thirds"),
    ("2½, 1½ cups", "two and one half, one and one half cups"),
    ("he/she, and/or", "he she, and or"),
]
MONEY = [
    ("a $20 bill, a $3 million house", "a twenty dollar bill, a three million dollar house"),
    ("the $20 you owe, his $20 was", "the twenty dollars you owe, his twenty dollars was"),
    ("US$50, HK$100", "fifty US dollars, one hundred Hong Kong dollars"),
    ("A$20", "twenty Australian dollars"),
    ("50¢, ₩5000, $.99", "fifty cents, five thousand won, ninety-nine cents"),
    ("$10 million dollars, $3T", "ten million dollars, three trillion dollars"),
    ("99p, €10,50, at 3p", "ninety-nine pence, ten euros and fifty cents, at three p"),
    ("$1,000 and €1,000", "one thousand dollars and one thousand euros"),
]
UNITS = [
    ("10 min walk, 2 L bottle", "ten minute walk, two liter bottle"),
    ("a 90° angle, a 5 km from", "a ninety degree angle, a five kilometers from"),
    ("2 tsp, 5 mins, 70 kgs", "two teaspoons, five minutes, seventy kilograms"),
    ("100 Mbps, 5000mAh", "one hundred megabits per second, five thousand milliamp hours"),
    ("10 sq ft, 1,000 sq. ft. of", "ten square feet, one thousand square feet of"),
    ("1h 30m, 2h", "one hour thirty minutes, two hours"),
    ('5\'10", a 27" screen', "five foot ten, a twenty-seven inch screen"),
    ('"I am 27" he said', '"I am twenty-seven" he said'),
    ("5 ft 4 in tall, 3 in a row", "five feet four inches tall, three in a row"),
    ("5 µm", "five micrometers"),
    ("60 mph. Then", "sixty miles per hour. Then"),
    ("3/4 tsp, 1 1/2 tbsp", "three quarters teaspoon, one and one half tablespoons"),
]
LARGE = [
    ("10m people, 10 m high", "ten million people, ten meters high"),
    ("100k followers, 500K", "one hundred thousand followers, five hundred thousand"),
    ("1.5M views, 1.2bn", "one point five million views, one point two billion"),
    ("4K TV, 5K run, 3M tape", "four K TV, five K run, three M tape"),
    ("401k, 70B parameters", "four oh one K, seventy billion parameters"),
]
SUMS = [
    ("5-3=2, 10*5", "five minus three equals two, ten times five"),
    ("10 - 5 = 5", "ten minus five equals five"),
    ("2^10, x^2", "two to the power of ten, x squared"),
    ("a != b, a >= 5, x == y", "a is not equal to b, a is at least five, x equals y"),
    ("1-0 win, 3-0, 3-2, 3:2", "one nothing win, three nothing, three to two, three to two"),
    ("John 3:2, 16:9", "John three two, sixteen to nine"),
    ("5* hotel", "five* hotel"),
    ("~50, C#, # 5", "about fifty, C sharp, number five"),
]
CODES = [
    ("Your code is 482913", "Your code is four eight two nine one three"),
    ("ending in 4242, ext. 204", "ending in four two four two, extension two zero four"),
    ("text 88022, text 300 people", "text eight eight zero two two, text three hundred people"),
    ("number is 10045, number 10", "number is one zero zero four five, number ten"),
    ("call 911, 911 people", "call nine one one, nine hundred eleven people"),
    ("text 10000 users", "text ten thousand users"),
    ("Room 204, flight UA1234", "Room two oh four, flight UA twelve thirty-four"),
    ("+44 20 7946 0958", "plus four four, two zero, seven nine four six, zero nine five eight"),
    ("1-800-555-1234", "one, eight zero zero, five five five, one two three four"),
    ("123-45-6789", "one two three, four five, six seven eight nine"),
    ("4-4-2, 9-1-1", "four four two, nine one one"),
    ("5,00,000 and 1 000 000", "five hundred thousand and one million"),
]
SHORT = [
    ("Mr. and Mrs. Brown", "Mister and Missus Brown"),
    ("Fig. 3, p. 12, pp. 4-6, vol. 2", "figure three, page twelve, pages four to six, volume two"),
    ("Apt. 4B, w/ cheese, w/o", "apartment four B, with cheese, without"),
    ("est. 1990, ca. 1500", "established nineteen ninety, circa fifteen hundred"),
    ("a .pdf, x.png, data.csv", "a dot pdf, x dot png, data dot csv"),
    ("A+, A100", "A-plus, A-one-hundred"),
    ("bbc.co.uk", "bbc dot co dot UK"),
    ("Super Bowl LVIII, XLII, Rocky IV", "Super Bowl fifty-eight, XLII, Rocky four"),
    ("Super Bowl XLII, GTA VI, Apollo XI", "Super Bowl forty-two, GTA six, Apollo eleven"),
    ("WWI, WWII, Malcolm X, XXL", "World War one, World War two, Malcolm X, XXL"),
]
MARKUP = [
    ("> quoted", "quoted"),
    ("Settings > General", "Settings, General"),
    ("a > b, 3 > 2", "a greater than b, three greater than two"),
    ("A -> B", "A to B"),
    ("[a text](https://a.b/c), [1]", "a text , [one]"),
    ("<b>bold</b> 5 < 6 > 3", "bold five less than six greater than three"),
    ("R&amp;D, don&#39;t", "R and D, don't"),
    ("I <3 you, x <3", "I love you, x less than three"),
]


@pytest.mark.parametrize(
    ("text", "spoken"),
    [
        *(RANGES + PLACES + STOPS + DATES + SLASHES + MONEY),
        *(UNITS + LARGE + SUMS + CODES + SHORT + MARKUP),
    ],
)
def test_read_as_people_say_it(text: str, spoken: str) -> None:
    assert normalise(text).text == spoken


def test_each_end_of_a_range_leads_back_to_its_own_characters() -> None:
    original = "Open 9am-5pm on Elm St., 3-5 kg"
    normal = normalise(original)

    def origin_of(words: str) -> str:
        start = normal.text.index(words)
        return original[slice(*normal.original_span(start, start + len(words)))]

    assert origin_of("nine AM") == "9am"
    assert origin_of("five PM") == "5pm"
    assert origin_of("Street") == "St."
    assert origin_of("five kilograms") == "5 kg"


@pytest.mark.parametrize(
    "unit",
    ["1-", "1, ", "$1-", "<a ", "[a", "](a", "+1 ", "A. ", "U.", "1h", "Jan ", "Mon-", "1:", "1/"]
    + ["XI ", "1 000", "&a", "> a", "1'", "E St ", "code 1234 ", "1=", "5-3="],
)
def test_time_grows_linearly(unit: str) -> None:
    assert_linear(normalise, unit)

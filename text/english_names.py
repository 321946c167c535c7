"""Names, brands and loanwords that neither the lexicon nor the letters get right.

Each line holds words in small letters, each followed by its symbols as `lexicon_en.tsv.xz` writes
them (A is the vowel of day, I of eye, O of go, W of now, Y of boy).
"""

from __future__ import annotations

_FIRST_NAMES = """
karen kˈɛɹən margaret mˈɑɹɡɹət rebecca ɹᵻbˈɛkə dorothy dˈɔɹəθi pamela pˈæmələ
christine kɹɪstˈin debra dˈɛbɹə olivia əlˈɪviə catherine kˈæθɹɪn katherine kˈæθɹɪn
diane dIˈæn nathan nˈAθən kyle kˈIl andrea ˈændɹiə keith kˈiθ cheryl ʃˈɛɹəl
jacqueline ʤˈækəlɪn sean ʃˈɔn shaun ʃˈɔn gerald ʤˈɛɹəld sophia səfˈiə sofia səfˈiə sara sˈɛɹə
janice ʤˈænɪs ann ˈæn kathryn kˈæθɹɪn juan wˈɑn denise dənˈis danielle dænjˈɛl
theresa təɹˈisə teresa təɹˈisə caleb kˈAləb douglas dˈʌɡləs robert ɹˈɑbəɹt ronald ɹˈɑnəld
emily ˈɛmᵻli donald dˈɑnəld eric ˈɛɹɪk zachary zˈækəɹi amelia əmˈiljə ava ˈAvə maria məɹˈiə
noah nˈOə dennis dˈɛnɪs nicole nɪkˈOl alice ˈælɪs carlos kˈɑɹlOs natalie nˈæɾəli
christina kɹɪstˈinə chloe klˈOi evelyn ˈɛvəlɪn layla lˈAlə zoe zˈOi nevaeh nəvˈAə
elena ᵻlˈAnə ellie ˈɛli eleanor ˈɛlənɔɹ sebastian səbˈæsʧən owen ˈOən wyatt wˈIət evie ˈivi
phoebe fˈibi niamh nˈiv siobhan ʃəvˈɔn saoirse sˈɪɹʃə aoife ˈifə alistair ˈælɪstəɹ
rory ɹˈɔɹi euan jˈuən moira mˈYɹə nigel nˈIʤəl graham ɡɹˈAəm geoffrey ʤˈɛfɹi ian ˈiən
craig kɹˈAɡ clive klˈIv simon sˈImən rupert ɹˈupəɹt hugo hjˈuɡO xavier zˈAvjəɹ
imogen ˈɪməʤən diego diˈAɡO andre ˈɑndɹA jorge hˈɔɹhA javier hˌɑviˈɛɹ miguel mɪɡˈɛl
pedro pˈAdɹO raul ɹɑˈul alejandro ˌæləhˈɑndɹO enrique ɛnɹˈikA joaquin wɑkˈin
guillermo ɡijˈɛɹmO ximena hɪmˈAnə valentina vˌælɛntˈinə gianna ʤiˈɑnə giovanni ʤˌiəvˈɑni
matteo mətˈAO mateo mətˈAO chiara kiˈɑɹə francesca fɹænʧˈɛskə hermione həɹmˈIəni
draco dɹˈAkO dumbledore dˈʌmbᵊldˌɔɹ gandalf ɡˈændɑlf zendaya zəndˈAə rihanna ɹiˈɑnə
beyoncé biˈɑnsA beyonce biˈɑnsA kanye kˈɑnjA keanu kiˈɑnu timothée tˈɪməθi
timothee tˈɪməθi sasha sˈɑʃə dmitri dəmˈitɹi vladimir vlˈædɪmˌɪɹ volodymyr vˌɑlədˈɪmɪɹ
natasha nətˈɑʃə igor ˈiɡɔɹ priya pɹˈijə arjun ˈɑɹʤən rahul ɹɑhˈul anjali ˈɑnʤəli aisha iˈiʃə
yusuf jˈusəf mohammed mOhˈɑməd muhammad mOhˈɑməd ali ˈɑli kenji kˈɛnʤi akira əkˈɪɹə
jan ʤˈæn isla ˈIlə rhys ɹˈis maeve mˈAv lachlan lˈɑklən jocelyn ʤˈɑsəlɪn genevieve ʤˈɛnəvˌiv
deirdre dˈɪɹdɹə caitlin kˈAtlɪn brianna bɹiˈænə oisin ˈʌʃin mikhail mɪkˈIl tobias təbˈIəs
keir kˈɪɹ kamala kˈɑmələ recep ɹəʤˈɛp emmanuel ɪmˈænjuəl kylian kˈɪliən lionel lˈIənəl
rishi ɹˈɪʃi xi ʃˈi ibrahim ˈɪbɹəhˌim hassan hɑsˈɑn ahmed ˈɑmɛd
"""
_SURNAMES = """
garcia ɡɑɹsˈiə rodriguez ɹɑdɹˈiɡɛz hernandez həɹnˈændɛz gonzalez ɡɑnzˈɑlɛz sanchez sˈænʧɛz
ramirez ɹəmˈɪɹɛz robinson ɹˈɑbɪnsən allen ˈælən torres tˈɔɹɛz flores flˈɔɹɛz rivera ɹɪvˈɛɹə
campbell kˈæmbᵊl gomez ɡˈOmɛz evans ˈɛvənz diaz dˈiɑz reyes ɹˈAɛs morris mˈɔɹɪs
morales mɔɹˈɑlɛs gutierrez ɡutjˈɛɹɛz ortiz ɔɹtˈiz peterson pˈiɾəɹsən ramos ɹˈɑmOs
chavez ʃˈɑvɛz bennett bˈɛnɪt alvarez ˈælvəɹˌɛz castillo kæstˈijO jimenez hɪmˈAnɛz
meyer mˈIəɹ meyers mˈIəɹz schmidt ʃmˈɪt fernandez fəɹnˈændɛz vasquez vˈæskɛz
romero ɹOmˈɛɹO salazar sˈæləzˌɑɹ dominguez dəmˈɪŋɡɛz herrera həɹˈɛɹə aguilar ˈæɡɪlˌɑɹ
vargas vˈɑɹɡəs guerrero ɡəɹˈɛɹO mendez mˈɛndɛz o'neill Onˈil khan kˈɑn kaur kˈWɹ
liu liˈu huang hwˈɑŋ wang wˈɑŋ zhang ʤˈɑŋ yang jˈɑŋ zhao ʤˈW xu ʃˈu xie ʃiˈɛ cai ʦˈI
zheng ʤˈʌŋ qiu ʧiˈu nguyen wˈɪn tran tɹˈæn tanaka tənˈɑkə sato sˈɑtO watanabe wˌɑtənˈɑbA
nakamura nˌɑkəmˈʊɹə kobayashi kˌObəjˈɑʃi yamamoto jˌɑməmˈOtO weber wˈɛbəɹ fischer fˈɪʃəɹ
hoffmann hˈɔfmən schulz ʃˈʊlts kowalski kəvˈɑlski novak nˈOvæk dubois dubwˈɑ
esposito ˌɛspəzˈitO merkel mˈɜɹkəl macron məkɹˈɑn putin pˈutɪn zelensky zᵊlˈɛnski
zelenskyy zᵊlˈɛnski netanyahu nˌɛtənjˈɑhu erdogan ˈɜɹdəwˌɑn erdoğan ˈɜɹdəwˌɑn sunak sˈunæk
starmer stˈɑɹməɹ obama Obˈɑmə pichai pɪʧˈI nadella nədˈɛlə jinping ʤˌɪnpˈɪŋ
milei mɪlˈA meloni məlˈOni messi mˈɛsi ronaldo ɹOnˈɑldO mbappé əmbˈɑpA
djokovic ʤˈOkəvɪʧ nadal nədˈɑl schwarzenegger ʃwˈɔɹtsənˌɛɡəɹ scorsese skɔɹsˈAzi
dicaprio dɪkˈæpɹiˌO chalamet ʃˈæləmA goethe ɡˈɜɹtə freud fɹˈYd dvorak dvˈɔɹʒæk
dvořák dvˈɔɹʒæk chopin ʃˈOpæn bach bˈɑk proust pɹˈust camus kæmˈu scholz ʃˈOlts
bolsonaro bˌOlsənˈɑɹO tarantino tˌɛɹəntˈinO petrov pˈɛtɹɔf ivanov ˈivənˌɔf
patel pətˈɛl mendoza mɛndˈOzə ruiz ɹuˈiz muller mˈʌləɹ müller mˈʌləɹ hemingway hˈɛmɪŋwˌA
"""
_BRANDS = """
xbox ˈɛksbˌɑks iphone ˈIfˌOn iphones ˈIfˌOnz ipad ˈIpˌæd ipads ˈIpˌædz icloud ˈIklˌWd
imessage ˈImˌɛsɪʤ uber ˈubəɹ lyft lˈɪft linkedin lˌɪŋktˈɪn xiaomi ʃWmˈi huawei wˈɑwA
porsche pˈɔɹʃə airbnb ˌɛɹbˌiənbˈi chatgpt ʧˌætʤˌipˌitˈi youtube jˈutˌub netflix nˈɛtflˌɪks
instagram ˈɪnstəɡɹˌæm tiktok tˈɪktˌɑk whatsapp wˈʌtsˌæp pinterest pˈɪntɹəst
spotify spˈɑɾᵻfˌI qualcomm kwˈɑlkˌɑm samsung sˈæmsˌʌŋ hyundai hˈʌndA toyota tOjˈOɾə
mazda mˈɑzdə subaru sˈubəɹˌu volkswagen vˈOkswˌæɡən audi ˈWdi renault ɹənˈO peugeot puʒˈO
citroen sˈɪtɹOˌɛn citroën sˈɪtɹOˌɛn bugatti buɡˈɑɾi chevrolet ʃˌɛvɹəlˈA adidas ədˈidəs
gucci ɡˈuʧi chanel ʃənˈɛl hermes hˈɜɹmiz hermès ɛɹmˈɛz versace vəɹsˈɑʧi prada pɹˈɑdə
givenchy ʒˌivɑnʃˈi vuitton vwitˈɑn dior diˈɔɹ ikea Ikˈiə kroger kɹˈOɡəɹ aldi ˈɔldi
sainsbury's sˈAnzbəɹiz starbucks stˈɑɹbˌʌks nestlé nˈɛslA nutella nutˈɛlə
heineken hˈInəkən guinness ɡˈɪnɪs moet mOˈɛt evian ˈɛviˌɑn expedia ɪkspˈidiə paypal pˈApˌæl
venmo vˈɛnmO shopify ʃˈɑpᵻfˌI temu tˈimu shein ʃˈiˌɪn alibaba ˌɑlibˈɑbə baidu bˈIdu
bytedance bˈItdˌæns github ɡˈɪthˌʌb gitlab ɡˈɪtlˌæb gmail ʤˈimˌAl openai ˌOpənAˈI
duckduckgo dˌʌkdˌʌkɡˈO debian dˈɛbiən javascript ʤˈɑvəskɹˌɪpt nginx ˈɛnʤɪnˌɛks
redis ɹˈɛdɪs azure ˈæʒəɹ pytorch pˈItˌɔɹʧ numpy nˈʌmpI jax ʤˈæks cuda kˈudə jira ʤˈɪɹə
asana əsˈɑnə duolingo dˌuOlˈɪŋɡO playstation plˈAstˌAʃən roblox ɹˈOblˌɑks pfizer fˈIzəɹ
astrazeneca ˌæstɹəzˈɛnɪkə ozempic Ozˈɛmpɪk ibuprofen ˌIbjupɹˈOfən fedex fˈɛdˌɛks
ethereum ɪθˈɪɹiəm dogecoin dˈOʒkˌYn binance bˈInæns gopro ɡˈOpɹˌO sony sˈOni asus ˈAsus
lenovo lənˈOvO peloton pˈɛlətˌɑn patreon pˈAtɹiˌɑn quora kwˈɔɹə tumblr tˈʌmbləɹ
vimeo vˈɪmiO deloitte dᵻlˈYt sephora səfˈɔɹə l'oreal lˌɔɹiˈɑl l'oréal lˌɔɹiˈɑl
ikea's Ikˈiəz mattel mətˈɛl hasbro hˈæzbɹO pokemon pˈOkᵻmˌɑn pokémon pˈOkᵻmˌɑn
pikachu pˈikəʧˌu jedi ʤˈɛdI logitech lˈɑʤɪtˌɛk garmin ɡˈɑɹmɪn spacex spˌAsˈɛks
macos mˌækˌOˈɛs postgresql pˌOstɡɹɛskjˌuˈɛl moderna mədˈɜɹnə costco kˈɔstkO
json ʤˈAsən kubernetes kˌubəɹnˈɛɾiz linux lˈɪnəks wifi wˈIfˌI wi-fi wˈIfˌI gif ɡˈɪf
emoji ɪmˈOʤi exe ˌiˌɛksˈi docx dˌɑkˈɛks xlsx ˌɛksˌɛlˌɛsˈɛks py pˈI js ʤˌAˈɛs
yaml jˈæməl jpeg ʤˈApˌɛɡ
wav wˈAv
"""
_LOANWORDS = """
résumé ɹˈɛzəmˌA résumés ɹˈɛzəmˌAz fiancé fˌiɑnsˈA fiancée fˌiɑnsˈA fiance fˌiɑnsˈA
fiancee fˌiɑnsˈA cliché kliʃˈA clichés kliʃˈAz cliche kliʃˈA sauté sɔtˈA saute sɔtˈA
sautéed sɔtˈAd rosé ɹOzˈA exposé ˌɛkspOzˈA touché tuʃˈA touche tuʃˈA crème kɹˈɛm creme kɹˈɛm
brûlée bɹulˈA jalapeño hˌɑləpˈAnjO jalapeños hˌɑləpˈAnjOz jalapeno hˌɑləpˈAnjO
señor sAnjˈɔɹ señora sAnjˈɔɹə mañana mənjˈɑnə piñata pinjˈɑtə niño nˈinjO niña nˈinjə
déjà dˌAʒˈɑ açaí ˌɑsɑˈi acai ˌɑsɑˈi soufflé suflˈA éclair Aklˈɛɹ protégé pɹˈOɾəʒˌA
papier-mâché pˌApəɹməʃˈA vis-à-vis vˌizəvˈi quinoa kˈinwˌɑ bruschetta bɹuskˈɛɾə gnocchi njˈɑki
pho fˈʌ croissant kɹəsˈɑnt croissants kɹəsˈɑnts entrée ˈɑntɹA matinée mˌætᵊnˈA
purée pjʊɹˈA décor dAkˈɔɹ café kæfˈA naïve nɑˈiv doppelgänger dˈɑpəlɡˌæŋəɹ über ˈubəɹ
"""


def _pairs(table: str) -> dict[str, str]:
    items = table.split()
    return dict(zip(items[::2], items[1::2], strict=True))


NAMES = {
    **_pairs(_FIRST_NAMES),
    **_pairs(_SURNAMES),
    **_pairs(_BRANDS),
    **_pairs(_LOANWORDS),
    "could've": "kˈʊdəv",
    "woodchuck": "wˈʊdʧˌʌk",  # heard as "wood check" by six of six without the second stress
}

"""Words that say nothing about which image is meant.

Articles, prepositions, pronouns, auxiliaries and the like, in the languages that the built-in model
knows and some neighbours, and words for images themselves. File names and captions are full of
them, so that a row is not found by them. Words that mean something in another of the languages
("die", "son") are not among them.
"""

_LISTS = """
    a about above across after again along also am among an and another any are around as at
    away be been before behind being below beside between both but by can could did do does
    each for from further had has have having he her here his how i in inside into is it its me
    more most my near next no not of off on one only onto or other our out outside over own s
    same she so some such t than that the their them then there these they this those through
    to too two under up upon very was we were what when where which while who with within
    without you your

    image images img photo photograph photographs photos pic pics picture pictures jpg jpeg png

    aber alle als am an auf aus bei bis das dem der des doch durch ein eine einem einen einer
    eines er es für gegen hat hinter ich ihr im in ist mit nach neben nicht noch oder ohne sein
    seine sich sie sind so über um und unter vom von vor was wie wird zu zum zur zwei zwischen
    bild bilder foto fotos

    à au aux avec ce ces cette dans de des deux devant du elle en entre est et il ils la le les
    leur ne ou où par pas pour qu que qui sa sans se ses sont sous sur un une vers l d

    da dal dalla degli dei del della delle di e ed gli i il lo nel nella per più su sul sulla
    tra fra uno una al de desde dos el ella ellos en entre es esta este hay la las lo los más o
    para pero por se sobre su sus un y do dos das na nas no nos num numa ou pela pelo que um
    uma aan de een en het in met naar of onder op over te tussen uit van voor zijn

    a aby ale ani do i jak je jeho jen ji jsou k ke která které který když na nad ne nebo o od
    po pro před při s se si to u v ve z za ze že

    إلى أن أو التي الذي بعد بين تحت ثم خلف ذلك عن على فوق في قبل كان كما لا ما مع من هذا هذه هو
    هي و يكون صورة
"""

STOP_WORDS = frozenset(_LISTS.split())

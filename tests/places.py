"""A folder whose name holds what people and programs stumble over: blanks, letters, commas, quotes, signs of shells."""

NASTY = 'x y,ü 監 "q" it\'s $HOME%d#1?[a]*;&`\\n+='

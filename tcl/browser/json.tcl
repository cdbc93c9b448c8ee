# JSON, indented. Works on the text, token by token: numbers and texts stay as they are, to the digit.

# A text that is JSON, indented by two spaces a level.
proc ::nats::browser::Json_pretty {text} {
    set openers [list "\{" "\["]
    set out {}
    set indent 0
    set previous {}
    foreach token [Json_tokens $text] {
        set closes [expr {$token in [list "\}" "\]"]}]
        if {$closes} { incr indent -1 }
        if {$closes ? $previous ni $openers : $token ni {, :} && ($previous eq "," || $previous in $openers)} {
            append out \n [string repeat {  } $indent]
        }
        append out $token
        if {$token eq ":"} { append out { } }
        if {$token in $openers} { incr indent }
        set previous $token
    }
    return $out
}

# Without blanks between the tokens.
proc ::nats::browser::Json_compact {text} {
    join [Json_tokens $text] {}
}

proc ::nats::browser::Json_tokens {text} {
    regexp -all -inline {"(?:[^"\\]|\\.)*"|[][{},:]|[^][{},:"\s]+} $text
}

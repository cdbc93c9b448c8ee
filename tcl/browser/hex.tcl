# Bytes as a hex dump, and back.

proc ::nats::browser::Hex_dump {bytes} {
    set lines {}
    for {set at 0} {$at < [string length $bytes]} {incr at 16} {
        set row [string range $bytes $at $at+15]
        set hex [regsub -all {..} [binary encode hex $row] {& }]
        set hex "[string range $hex 0 23] [string range $hex 24 end]"
        lappend lines [format "%08x  %-49s  %s" $at $hex [regsub -all {[^ -~]} $row .]]
    }
    join $lines \n
}

# The bytes of a dump that was edited: of each line the pairs of digits between the address, if there is one, and the
# text on the right, which is set off by two spaces.
proc ::nats::browser::Hex_parse {text} {
    set digits {}
    set number 0
    foreach line [split $text \n] {
        incr number
        set line [regsub {^\s*[[:xdigit:]]{8}  } $line {}]
        set line [string trim $line]
        if {$line eq {}} continue
        # At most 16 pairs, with one or two spaces between them, the rest is the text.
        regexp {^((?:[[:xdigit:]]{2} {0,2}){0,16})(.*)$} $line -> pairs rest
        set tail [string trim $rest]
        if {$tail ne {} && ![string match {*  } $pairs] && [regexp -all {[[:xdigit:]]{2}} $pairs] < 16} {
            return -code error -errorcode {NATS ErrInvalidArg} "line $number is no hex dump: \"$line\""
        }
        append digits [string map {{ } {}} $pairs]
    }
    binary decode hex $digits
}

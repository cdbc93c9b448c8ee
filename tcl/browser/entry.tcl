# The entry of a key: its value to read and to edit, with compare-and-set.

oo::class create ::nats::browser::Entry {
    superclass ::nats::browser::Part
    variable Path Session Kv Key Base Deleted Bytes Format Chosen Exact Request Saved_command Ttl Ttl_allowed Limit

    # saved: command prefix, called when this window has changed something of the key.
    constructor {path session kv ttl_allowed saved} {
        next $session
        set Path $path
        set Session $session
        set Kv $kv
        set Saved_command $saved
        set Ttl_allowed $ttl_allowed
        set Request 0
        # More than this is shown in part, and not edited.
        set Limit 262144
        set Chosen auto
        my Build
        my clear
    }

    method Build {} {
        set gap [Gap]
        ttk::frame $Path -padding [list 0 [Gap 2] 0 0]
        ttk::frame $Path.notice -style NatsNotice.TFrame
        ttk::label $Path.notice.text -style NatsNotice.TLabel -width 10
        ttk::button $Path.notice.load -text "Load it" -command [my on reload]
        pack $Path.notice.load -side right -padx $gap -pady $gap
        pack $Path.notice.text -side left -fill x -expand 1
        ttk::frame $Path.bar
        ttk::label $Path.bar.meta -style NatsMuted.TLabel
        ttk::combobox $Path.bar.format -values {auto text json hex} -state readonly -width 6 -textvariable [my varname Chosen]
        bind $Path.bar.format <<ComboboxSelected>> [list [self] format_chosen]
        ttk::label $Path.bar.label -text "Show as" -style NatsMuted.TLabel
        pack $Path.bar.format $Path.bar.label -side right -padx [list $gap 0]
        pack $Path.bar.meta -side left
        Text_pane $Path.value
        ttk::frame $Path.buttons
        ttk::button $Path.buttons.save -text Save -style Accent.TButton -command [my on save]
        ttk::button $Path.buttons.discard -text Discard -command [my on reload]
        ttk::label $Path.buttons.ttl_label -text "TTL" -style NatsMuted.TLabel
        ttk::entry $Path.buttons.ttl -width 8 -textvariable [my varname Ttl]
        ttk::button $Path.buttons.delete -text Delete\u2026 -style Danger.TButton -command [list [self] ask_delete]
        ttk::button $Path.buttons.purge -text Purge\u2026 -style Danger.TButton -command [list [self] ask_purge]
        pack $Path.buttons.save $Path.buttons.discard -side left -padx [list 0 [expr {2 * $gap}]]
        pack $Path.buttons.purge $Path.buttons.delete -side right -padx [list [expr {2 * $gap}] 0]
        if {$Ttl_allowed} { pack $Path.buttons.ttl_label $Path.buttons.ttl -side left -padx [list $gap 0] }
        grid $Path.bar -row 0 -sticky ew -pady [list 0 $gap]
        grid $Path.notice -row 1 -sticky ew -pady [list 0 $gap]
        grid $Path.value -row 2 -sticky nsew
        grid $Path.buttons -row 3 -sticky ew -pady [list [expr {2 * $gap}] 0]
        grid columnconfigure $Path 0 -weight 1
        grid rowconfigure $Path 2 -weight 1
        bind $Path.value.text <<Modified>> [list [self] edited]
    }

    method key {} { return $Key }
    method text {} { return $Path.value.text }
    method revision {} { return $Base }
    method dirty {} { $Path.value.text edit modified }
    # What was typed and would be lost.
    method unsaved {} { expr {[my dirty] && [my Editable]} }
    method format {} { return $Format }

    method clear {} {
        incr Request
        lassign {{} 0 0 {} text 1 {}} Key Base Deleted Bytes Format Exact Ttl
        grid remove $Path.notice
        $Path.bar.meta configure -text "Select a key to see its value."
        Fill_text $Path.value {} disabled
        my Enable
    }

    # ---- loading

    method load {key} {
        set Key $key
        set Chosen auto
        my reload
    }

    method reload {} {
        set Ttl {}
        my Latest Take
    }

    # Calls a method with the latest entry, if it is still the one asked for: empty if the key is deleted.
    method Latest {method} {
        if {$Key eq {}} return
        set request [incr Request]
        try {
            set entry [$Kv get $Key]
        } trap {NATS ErrKeyNotFound} {} {
            set entry {}
        }
        if {$entry ne {}} {
            dict set entry value [$Session exact_bytes [dict get $entry bucket] $Key [dict get $entry value]]
        }
        if {$request == $Request} { my $method $entry }
    }

    # The value is bytes.
    method Take {entry} {
        grid remove $Path.notice
        set Deleted [expr {$entry eq {}}]
        set Exact 1
        if {$Deleted} {
            set Base 0
            set Bytes {}
            $Path.bar.meta configure -text "deleted \u00b7 saving creates it again"
        } else {
            set Base [dict get $entry revision]
            set Bytes [dict get $entry value]
            my Tell_meta $entry
        }
        my Show
    }

    method Tell_meta {entry} {
        set parts [list "revision [Number $Base]" [Size [string length $Bytes]] \
            [Kind $Bytes] [Time [dict get $entry created]]]
        if {[dict exists $entry ttl]} {
            set ttl [dict get $entry ttl]
            lappend parts "TTL [expr {$ttl eq "never" ? $ttl : [Span $ttl]}]"
        }
        $Path.bar.meta configure -text [join $parts " \u00b7 "]
    }

    # ---- showing

    method format_chosen {} {
        if {[my dirty]} {
            # What was typed is kept, in the other form.
            if {[catch {my Typed} bytes]} {
                $Session log $bytes ErrInvalidArg
                set Chosen $Format
                return
            }
            set Bytes $bytes
            my Show
            $Path.value.text edit modified 1
        } else {
            my Show
        }
        $Path.bar.format selection clear
    }

    method Show {} {
        set kind [Kind $Bytes]
        set Format [expr {$Chosen ne "auto" ? $Chosen : $kind eq "binary" ? "hex" : $kind}]
        if {$Format eq "json" && $kind ne "json"} { set Format [expr {$kind eq "binary" ? "hex" : "text"}] }
        # As text, binary values would not come back as they were.
        if {$Format eq "text" && $kind eq "binary"} { set Format hex }
        set part [string range $Bytes 0 $Limit-1]
        set Exact [expr {[string length $Bytes] <= $Limit}]
        switch $Format {
            hex {
                # A dump has four times as many characters.
                set limit [expr {$Limit / 4}]
                set Exact [expr {[string length $Bytes] <= $limit}]
                set content [Hex_dump [string range $Bytes 0 $limit-1]]
            }
            json { set content [expr {$Exact ? [Json_pretty [To_text $Bytes]] : [To_text $part]}] }
            text { set content [To_text $part] }
        }
        $Path.value.text configure -wrap [expr {$Format eq "hex" ? "none" : "word"}]
        Fill_text $Path.value $content [expr {[my Editable] ? "normal" : "disabled"}]
        if {$Format eq "json"} { Color_json $Path.value }
        if {![$Session is_writable $Bytes]} {
            set Exact 0
            $Path.value.text configure -state disabled
            my Notice "The application's connection makes text of values (-utf8_convert): binary ones are not edited here." 0
        } elseif {!$Exact} {
            my Notice "Only the first part is shown; values of this size are not edited here." 0
        }
        my Enable
    }

    method Editable {} { expr {$Key ne {} && $Exact && ![$Session read_only]} }

    method edited {} { my Enable }

    method Enable {} {
        set dirty [expr {[my dirty] && [my Editable]}]
        $Path.buttons.save state [expr {[my Editable] ? "!disabled" : "disabled"}]
        $Path.buttons.discard state [expr {$dirty ? "!disabled" : "disabled"}]
        $Path.buttons.ttl state [expr {[my Editable] ? "!disabled" : "disabled"}]
        foreach button {delete purge} {
            $Path.buttons.$button state [expr {$Key ne {} && ![$Session read_only] ? "!disabled" : "disabled"}]
        }
    }

    method Notice {text {offer 1}} {
        $Path.notice.text configure -text $text
        pack forget $Path.notice.load
        if {$offer} { pack $Path.notice.load -side right -padx [Gap] -pady [Gap] }
        grid $Path.notice
    }

    # Somebody has changed the key. What is being edited stays; otherwise the new value is shown.
    method changed {revision operation} {
        if {$revision == $Base || ($Deleted && $operation ne "PUT")} return
        if {[my dirty]} { my Tell_changed [expr {$operation eq "PUT" ? $revision : 0}] } else { my later 30 follow }
    }

    method follow {} { my Latest Follow }

    method Follow {entry} {
        # Somebody may have begun to edit while the value was asked for.
        if {![my dirty]} {
            my Take $entry
        } elseif {$entry eq {}} {
            my Tell_changed 0
        } elseif {[dict get $entry revision] != $Base} {
            my Tell_changed [dict get $entry revision]
        } else {
            my Tell_meta $entry
        }
    }

    method Tell_changed {revision} {
        my Notice [expr {$revision ? "Somebody has stored revision $revision meanwhile."
            : "Somebody has deleted this key meanwhile."}]
    }

    # ---- writing

    # The bytes of what was typed.
    method Typed {} {
        set content [$Path.value.text get 1.0 end-1c]
        switch $Format {
            hex { return [Hex_parse $content] }
            json {
                ::nats::json decode $content
                # What was written without blanks stays so.
                set original [To_text $Bytes]
                if {[Json_compact $original] eq $original} { set content [Json_compact $content] }
            }
        }
        To_bytes $content
    }

    method Options {} {
        if {[string trim $Ttl] eq {}} { return {} }
        list -ttl [Parse_span $Ttl]
    }

    method save {} {
        if {![my Editable] || ![$Session may_write]} return
        my Write [my Typed] $Base [my Options]
    }

    method Write {bytes base options} {
        set key $Key
        try {
            if {$base == 0} {
                set revision [$Kv create $key [$Session to_value $bytes] {*}$options]
            } else {
                set revision [$Kv update $key [$Session to_value $bytes] $base {*}$options]
            }
        } trap {NATS ErrWrongLastSequence} {} {
            my Conflict $key $bytes $base $options
            return
        }
        $Session note "$key is stored as revision $revision"
        if {$key eq $Key} { my Stored $bytes $revision $options }
        {*}$Saved_command
    }

    # What was typed since is on top of this revision, and still to be saved.
    method Stored {bytes revision options} {
        if {![catch {my Typed} typed] && $typed eq $bytes} { $Path.value.text edit modified 0 }
        if {![catch {my Options} chosen] && $chosen eq $options} { set Ttl {} }
        lassign [list $revision 0 $bytes] Base Deleted Bytes
        grid remove $Path.notice
        my follow
    }

    # Others were faster: both versions are shown, and the person chooses.
    method Conflict {key bytes base options} {
        try {
            set theirs [$Kv get $key]
        } trap {NATS ErrKeyNotFound} {} {
            set theirs {}
        }
        if {$key ne $Key} return
        set revision [expr {$theirs eq {} ? 0 : [dict get $theirs revision]}]
        Show_conflict $Path $key $base $theirs \
            [expr {$theirs eq {} ? {} : [$Session to_bytes [dict get $theirs value]]}] $bytes \
            [my on overwrite $key $bytes $revision $options] [my on reload]
    }

    # Writes over what the person has seen, and not over anything newer.
    method overwrite {key bytes revision options} {
        if {$key eq $Key && [$Session may_write]} { my Write $bytes $revision $options }
    }

    # ---- deleting

    method ask_delete {} {
        if {$Key eq {} || ![$Session may_write]} return
        Confirm [winfo toplevel $Path] "Delete the key \u201c$Key\u201d?" \
            "A marker is stored. The revisions before it stay as far as the bucket keeps a history." Delete [my on delete $Key $Base]
    }

    method ask_purge {} {
        if {$Key eq {} || ![$Session may_write]} return
        Confirm [winfo toplevel $Path] "Purge the key \u201c$Key\u201d?" \
            "Its value and its whole history are removed. This cannot be undone." Purge [my on purge $Key $Base]
    }

    method delete {key base} {
        try {
            $Kv delete $key {*}[expr {$base ? $base : ""}]
        } trap {NATS ErrWrongLastSequence} {} {
            $Session log "$key was changed meanwhile; it was not deleted" ErrWrongLastSequence
            return
        }
        my Gone $key deleted
    }

    method purge {key base} {
        try {
            $Kv purge $key {*}[expr {$base ? [list -revision $base] : ""}]
        } trap {NATS ErrWrongLastSequence} {} {
            $Session log "$key was changed meanwhile; it was not purged" ErrWrongLastSequence
            return
        }
        my Gone $key purged
    }

    method Gone {key how} {
        $Session note "$key is $how"
        if {$key eq $Key} { my reload }
        {*}$Saved_command
    }
}

# A value as a person reads it, for comparisons.
proc ::nats::browser::Readable {bytes} {
    switch [Kind $bytes] {
        json { return [Json_pretty [To_text $bytes]] }
        text { return [To_text $bytes] }
    }
    Hex_dump [string range $bytes 0 16383]
}

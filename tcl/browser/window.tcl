# A window: the tree on the left, the view of the selected place on the right, the status line, and the shortcuts.

oo::class create ::nats::browser::Window {
    variable Path Session Places Status View Place Last_failed

    constructor {path connection parent read_only} {
        namespace path [list ::nats::browser {*}[namespace path]]
        set Path $path
        lassign {{} {} {} {} {}} Places Status View Place Last_failed
        ::nats::browser::Prepare_styles
        toplevel $path -class NatsBrowser -background [ttk::style lookup TFrame -background]
        wm withdraw $path
        wm title $path "NATS browser"
        set Session [Session new $connection $read_only [list [self] tell]]
        my Build
        my Bind
        bind $path <Destroy> [list ::nats::browser::Closed %W $path]
        $Places select server
        my show server
        wm geometry $path [expr {min([Em 150], [winfo screenwidth $path] * 95 / 100)}]x[expr {
            min([Em 104], [winfo screenheight $path] * 85 / 100)}]
        wm minsize $path [Em 80] [Em 50]
        wm deiconify $path
        focus [$Places widget]
    }

    destructor {
        foreach object [list $View $Places $Status $Session] {
            if {$object ne {} && [info object isa object $object]} { $object destroy }
        }
    }

    method Build {} {
        set gap [Gap 2]
        ttk::panedwindow $Path.split -orient horizontal
        ttk::frame $Path.split.right -padding [list $gap 0 0 0]
        set Status [Status new $Path.status $Session]
        frame $Path.line -height 1 -background [Color border]
        set Places [Places new $Path.split.places $Session [list [self] show]]
        $Path.split add $Path.split.places -weight 0
        $Path.split add $Path.split.right -weight 1
        pack $Path.status -side bottom -fill x
        pack $Path.line -side bottom -fill x
        pack $Path.split -fill both -expand 1 -padx $gap -pady $gap
        bind $Path.split <Configure> [list ::nats::browser::Divide $Path.split %w]
    }

    method Bind {} {
        foreach {keys method} {
            F5 refresh  Control-r refresh  Control-f focus_filter  Control-n new  Control-s save
            Control-w close  F1 help  Control-e errors  F6 cycle  Shift-F6 cycle_back
        } {
            bind $Path <$keys> "[list [self] $method]; break"
        }
        wm protocol $Path WM_DELETE_WINDOW [list [self] close]
        bind $Path <Key-Delete> [list [self] delete_key %W delete]
        bind $Path <Shift-Delete> [list [self] delete_key %W purge]
        bind $Path <Control-Key> {if {[string match {[1-4]} %K]} { ::nats::browser::Tab %W [expr {%K - 1}] }}
        bind $Path <<NatsBrowserPolled>> [list [self] polled]
        bind $Path <<NatsBrowserStatus>> [list [self] status %d]
        bind $Path <<NatsBrowserErrors>> [list [self] errors]
        bind $Path <<ThemeChanged>> [list ::nats::browser::Prepare_styles]
    }

    # For tests, and for whoever wants to know more.
    method session {} { return $Session }
    method places {} { return $Places }
    method view {} { return $View }
    method place {} { return $Place }

    # ---- places

    method show {place {sure 0}} {
        if {$place eq $Place} return
        if {!$sure && $View ne {} && [$View unsaved] ne {}} {
            $Places select $Place
            my Ask_to_leave [list [self] leave $place]
            return
        }
        lassign $place kind name consumer
        if {$kind eq "consumer" && [lrange $Place 0 1] in [list [list stream $name] [list consumer $name]]} {
            set Place $place
            $View show_consumer $consumer
            return
        }
        if {$View ne {}} {
            destroy $Path.split.right.view
            $View destroy
            set View {}
        }
        set Place $place
        set path $Path.split.right.view
        switch $kind {
            server { set View [ServerView new $path $Session $Places] }
            kv { set View [BucketView new $path $Session $Places $name] }
            os { set View [ObjectsView new $path $Session $Places $name] }
            stream - consumer { set View [StreamView new $path $Session $Places $name] }
        }
        pack $path -fill both -expand 1
        wm title $Path "[expr {$kind eq "server" ? "" : "$name \u2013 "}]NATS browser"
        if {$kind eq "consumer"} { $View show_consumer $consumer }
    }

    method leave {place} {
        $Places select $place
        my show $place 1
    }

    method Ask_to_leave {command} {
        Confirm $Path "Leave \u201c[$View unsaved]\u201d without saving?" "What was typed is lost." Leave $command
    }

    method go_to {place key} {
        if {[lindex $place 0] ni {server kv os stream consumer}} { ::nats::browser::Fail "Invalid place \"$place\"" }
        $Places select $place
        my show $place
        if {$key ne {}} { $View go_to $key }
    }

    method polled {} {
        if {$View ne {}} { $View polled }
        # A place that is gone has been left by the tree.
        if {[$Places place] ne $Place} { my show [$Places place] 1 }
    }

    method status {status} {
        if {$status eq "connected"} {
            $Places go poll
            if {$View ne {}} { $View go connected }
        }
    }

    # What the session has to say.
    method tell {kind text} { if {$Status ne {}} { $Status message $kind $text } }

    # ---- shortcuts

    method refresh {} {
        $Places go poll
        $View refresh
    }
    method focus_filter {} { $View focus_filter }
    method new {} { $View new }
    method save {} { $View save }
    method close {} {
        if {[$View unsaved] ne {}} { my Ask_to_leave [list destroy $Path] } else { destroy $Path }
    }

    # In a text or a field the key deletes a character.
    method delete_key {widget method} {
        if {[winfo toplevel $widget] eq $Path && [winfo class $widget] eq "Treeview"} { $View $method }
    }

    method cycle {} { my Cycle 1 }
    method cycle_back {} { my Cycle -1 }
    method Cycle {step} {
        set stops [list [$Places widget] {*}[$View focus_cycle]]
        set at [lsearch -exact $stops [focus -displayof $Path]]
        focus [lindex $stops [expr {($at + $step) % [llength $stops]}]]
    }

    method errors {} {
        set path $Path.errors
        set body [Dialog $path "What went wrong"]
        Text_pane $body.text -width 90 -height 16
        set lines [lmap error [lreverse [$Session errors]] {
            dict with error {
                set code [expr {$code eq {} ? "" : " ($code)"}]
                string cat [clock format [expr {$time / 1000}] -format %H:%M:%S] "  $message$code"
            }
        }]
        Fill_text $body.text [expr {$lines eq {} ? "Nothing so far." : [join $lines \n]}] disabled
        pack $body.text -fill both -expand 1
        Dialog_button $path close Close [list destroy $path]
        Dialog_show $path $path.buttons.close
    }

    method help {} {
        set path $Path.help
        set body [Dialog $path "Keys"]
        set row 0
        foreach {keys meaning} {
            "F6, Shift+F6" "the next part of the window, the one before"
            "Up Down Page Home End" "move in a table"
            "Right Left Space" "open or close a branch"
            "Return" "edit the value; read the payload"
            "Ctrl+F" "filter"
            "Escape" "in the filter: clear it; in a dialog: close it"
            "Ctrl+N" "new key, publish a message, store a file"
            "Ctrl+S" "save the value"
            "Delete, Shift+Delete" "delete, purge the key"
            "Ctrl+1 to Ctrl+4" "the tabs"
            "F5, Ctrl+R" "read everything again"
            "Ctrl+E" "what went wrong"
            "Ctrl+W" "close the window"
        } {
            ttk::label $body.k$row -text $keys -style NatsBold.TLabel
            ttk::label $body.m$row -text $meaning
            grid $body.k$row $body.m$row -sticky w -pady [Gap 0.5] -padx [list 0 [Gap 4]]
            incr row
        }
        Dialog_button $path close Close [list destroy $path]
        Dialog_show $path $path.buttons.close
    }
}

# The window is gone, whoever has destroyed it.
proc ::nats::browser::Closed {widget path} {
    variable Windows
    if {$widget ne $path || ![info exists Windows($path)]} return
    set object $Windows($path)
    unset Windows($path)
    $object destroy
}

# The place of the sash, as soon as the window has its size.
proc ::nats::browser::Divide {paned width} {
    if {$width < [Em 60]} return
    bind $paned <Configure> {}
    after idle [list ::nats::browser::Set_sash $paned [expr {max([Em 30], min([Em 42], $width * 3 / 10))}]]
}

proc ::nats::browser::Set_sash {paned position} {
    if {[winfo exists $paned]} { $paned sashpos 0 $position }
}

# A tab of the notebook in the view.
proc ::nats::browser::Tab {widget index} {
    set tabs [winfo toplevel $widget].split.right.view.tabs
    if {[winfo exists $tabs] && $index < [$tabs index end]} { $tabs select $index }
}

# Small windows that ask. None of them waits: what is to be done is a command that runs when the button is pressed.

# A toplevel of its own for a window, with a body to fill; returns the body. Escape closes it.
proc ::nats::browser::Dialog {path title} {
    destroy $path
    toplevel $path -class NatsBrowser -background [ttk::style lookup TFrame -background]
    wm title $path $title
    wm transient $path [winfo toplevel [winfo parent $path]]
    wm withdraw $path
    bind $path <Escape> [list destroy $path]
    ttk::frame $path.body -padding [Gap 4]
    ttk::frame $path.buttons -padding [list [Gap 4] 0 [Gap 4] [Gap 4]]
    pack $path.buttons -side bottom -fill x
    pack $path.body -fill both -expand 1
    return $path.body
}

# A button of a dialog, from right to left.
proc ::nats::browser::Dialog_button {path name text command {style TButton}} {
    ttk::button $path.buttons.$name -text $text -command $command -style $style
    bind $path.buttons.$name <Return> {%W invoke; break}
    pack $path.buttons.$name -side right -padx [list [Gap 2] 0]
    # Tab goes from left to right.
    lower $path.buttons.$name
}

# Shows it in the middle of its window.
proc ::nats::browser::Dialog_show {path focus} {
    update idletasks
    set over [winfo toplevel [winfo parent $path]]
    set x [expr {[winfo rootx $over] + ([winfo width $over] - [winfo reqwidth $path]) / 2}]
    set y [expr {[winfo rooty $over] + ([winfo height $over] - [winfo reqheight $path]) / 3}]
    wm geometry $path +[expr {max(0, $x)}]+[expr {max(0, $y)}]
    wm deiconify $path
    raise $path
    focus $focus
}

# Asks before something is done that can't be undone. The command runs at the button `verb`.
proc ::nats::browser::Confirm {window question detail verb command} {
    set path $window.confirm
    set body [Dialog $path $verb]
    ttk::label $body.question -text $question -style NatsBold.TLabel -wraplength [Em 60]
    ttk::label $body.detail -text $detail -wraplength [Em 60] -style NatsMuted.TLabel
    pack $body.question $body.detail -anchor w -pady [list 0 [Gap 2]]
    Dialog_button $path yes $verb "destroy $path; $command" Danger.TButton
    Dialog_button $path no Cancel [list destroy $path]
    Dialog_show $path $path.buttons.no
}

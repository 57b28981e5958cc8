"""Sixty pieces of Python for Nuke as they are written in productions: none of them has a slip in it."""

from __future__ import annotations

from typing import Tuple

RIGHT: Tuple[str, ...] = (
    # callbacks
    '''
import nuke

def set_colorspace():
    node = nuke.thisNode()
    if node['file'].value().endswith('.exr'):
        node['colorspace'].setValue('linear')

nuke.addOnUserCreate(set_colorspace, nodeClass='Read')
''',
    '''
def on_knob_changed():
    n, k = nuke.thisNode(), nuke.thisKnob()
    if k.name() in ("operation", "inputChange"):
        n["label"].setValue("[value operation]")
nuke.addKnobChanged(on_knob_changed, nodeClass="Merge2")
nuke.removeKnobChanged(on_knob_changed, nodeClass="Merge2")
''',
    '''
import os
def make_dirs():
    file = nuke.filename(nuke.thisNode())
    folder = os.path.dirname(file)
    osdir = nuke.callbacks.filenameFilter(folder)
    try:
        os.makedirs(osdir)
    except OSError:
        pass
nuke.addBeforeRender(make_dirs)
''',
    '''
nuke.addOnScriptLoad(lambda: nuke.tprint('loaded', nuke.root().name()))
nuke.addOnScriptSave(lambda: nuke.tprint('saved'))
nuke.addAutolabel(lambda: None, nodeClass='Dot')
nuke.addUpdateUI(lambda: None, nodeClass='Viewer')
nuke.addAfterRender(lambda: None)
nuke.addFilenameFilter(lambda f: f.replace('P:', '/mnt/p'))
''',
    # classes of the script's own
    '''
class Selected:
    """Not nuke's own."""
    def __init__(self):
        self.size = 3
    def selected(self):
        return nuke.selectedNodes()
    def getNode(self, name):
        return nuke.toNode(name)
    def rename(self, text):
        for node in self.selected():
            node.setName(text)
s = Selected()
s.rename('x')
s.getNode('Blur1')
s.name = 'fine'
''',
    '''
class NodeWrapper(object):
    def __init__(self, node):
        self._node = node
    def __getattr__(self, name):
        return self._node[name].value()
    def __setitem__(self, key, value):
        self._node[key].setValue(value)
w = NodeWrapper(nuke.nodes.Blur())
w['size'] = 3
print(w.size)
w.gama = 3
''',
    '''
from dataclasses import dataclass, field

@dataclass
class Shot:
    name: str
    first: int = 1001
    last: int = 1100
    nodes: list = field(default_factory=list)

    @property
    def length(self) -> int:
        return self.last - self.first + 1

shot = Shot(name='sh010')
shot.nodes.extend(nuke.allNodes('Read', recurseGroups=True))
shot.nodes = [n for n in shot.nodes if n['file'].value()]
root = nuke.root()
root['first_frame'].setValue(shot.first)
root['last_frame'].setValue(shot.last)
root['lock_range'].setValue(True)
''',
    '''
import nuke
import nukescripts

class TidyPanel(nukescripts.PythonPanel):
    def __init__(self):
        super().__init__('Tidy', 'com.studio.tidy')
        self.space = nuke.Int_Knob('space', 'space')
        self.space.setValue(40)
        self.names = nuke.Boolean_Knob('names', 'rename', True)
        self.mode = nuke.Enumeration_Knob('mode', 'mode', ['rows', 'columns'])
        for k in (self.space, self.names, self.mode):
            self.addKnob(k)
    def knobChanged(self, knob):
        if knob is self.names:
            self.mode.setEnabled(knob.value())

panel = TidyPanel()
if panel.showModalDialog():
    for i, n in enumerate(nuke.selectedNodes()):
        n.setXYpos(0, i * panel.space.value())
''',
    # knobs of the script's own
    '''
n = nuke.nodes.NoOp(name='CTRL')
n.addKnob(nuke.Tab_Knob('studio', 'Studio'))
n.addKnob(nuke.Double_Knob('exposure_bias', 'bias'))
n['exposure_bias'].setRange(-4, 4)
n['exposure_bias'].setValue(0.5)
n.addKnob(nuke.PyScript_Knob('go', 'Go', 'print(nuke.thisNode().name())'))
n['go'].execute()
n.addKnob(nuke.Text_Knob('divider', ''))
n['studio'].setFlag(nuke.STARTLINE)
''',
    '''
grp = nuke.nodes.Group(name='Matte_Tools')
with grp:
    inp = nuke.nodes.Input(name='src')
    blur = nuke.nodes.Blur(inputs=[inp])
    out = nuke.nodes.Output(inputs=[blur])
link = nuke.Link_Knob('soft', 'softness')
link.makeLink(blur.name(), 'size')
grp.addKnob(link)
grp['soft'].setValue(7)
''',
    '''
node = nuke.createNode('NoOp')
k = nuke.EvalString_Knob('shot_name')
node.addKnob(k)
k.setValue('[file tail [value root.name]]')
print(node['shot_name'].evaluate())
print(node.knob('shot_name').toScript())
''',
    '''
KNOBS = {'size': 12, 'channels': 'rgb', 'filter': 'gaussian'}
b = nuke.nodes.Blur()
for name, value in KNOBS.items():
    b[name].setValue(value)
print({k: v.value() for k, v in b.knobs().items() if v.notDefault()})
''',
    '''
w = nuke.nodes.Write(file='/tmp/x.####.exr', file_type='exr')
w['datatype'].setValue('16 bit half')
w['compression'].setValue('DWAA')
w['create_directories'].setValue(True)
w['channels'].setValue('rgba')
nuke.execute(w, 1, 10, 1)
''',
    # gizmos and plug-ins of the studio
    '''
n = nuke.createNode('StudioDespill_v3')
n['strength'].setValue(0.4)
m = nuke.nodes.AP_LightWrap(inputs=[n])
m['intensity'].setValue(2)
''',
    '''
ofx = nuke.createNode('OFXuk.co.thefoundry.keylight.keylight_v201')
ofx['screenColour'].setValue([0, 1, 0])
''',
    # animation
    '''
k = nuke.toNode('Blur1')['size']
k.setAnimated()
k.setValueAt(0, 1)
k.setValueAt(20, 25)
curve = k.animation(0)
for key in curve.keys():
    key.interpolation = nuke.LINEAR
    print(key.x, key.y)
curve.setKey(30, 4)
curve.changeInterpolation(curve.keys(), nuke.HORIZONTAL)
print(curve.evaluate(12), k.getValueAt(5), k.isAnimated(), k.getNumKeys())
k.clearAnimated()
''',
    '''
t = nuke.nodes.Transform()
k = t['translate']
k.setAnimated(0)
k.setAnimated(1)
for i, curve in enumerate(k.animations()):
    curve.addKey([nuke.AnimationKey(f, f * 2.0) for f in range(1, 11)])
    curve.setExpression('curve + 10')
print(k.toScript())
''',
    '''
t = nuke.createNode('Tracker4')
tracks = t['tracks']
tracks.setValue(12.0, 31 * 0 + 2)
cp = nuke.nodes.CornerPin2D()
for name in ('to1', 'to2', 'to3', 'to4'):
    cp[name].setExpression('frame')
    cp[name].clearAnimated()
''',
    # expressions
    '''
a = nuke.toNode('Blur1')
b = nuke.nodes.Blur()
b['size'].setExpression('{}.size * 2'.format(a.name()))
b['size'].setExpression('sin(frame/10)*5', 0)
print(b['size'].hasExpression(), b.dependencies(nuke.EXPRESSIONS))
nuke.expression('frame*2')
nuke.tcl('knob Blur1.size 5')
nuke.tcl('set', 'x', '3')
''',
    # menus
    '''
import nuke
toolbar = nuke.menu('Nodes')
m = toolbar.addMenu('Studio', icon='studio.png')
m.addCommand('Tidy', 'tidy()', 'ctrl+alt+t')
m.addSeparator()
bar = nuke.menu('Nuke').addMenu('&Studio', index=3)
bar.addCommand('Say', lambda: nuke.message('hi'), shortcutContext=2)
item = nuke.menu('Nuke').findItem('Edit/Node/Swap A - B')
if item:
    item.setEnabled(True)
nuke.toolbar('Nodes').addCommand('Studio/Dot', "nuke.createNode('Dot')", icon='Dot.png')
''',
    '''
pane = nuke.getPaneFor('Properties.1')
import nukescripts
nukescripts.registerWidgetAsPanel('my_tool.Widget', 'My Tool', 'com.studio.my_tool')
nukescripts.panels.registerWidgetAsPanel('my_tool.Widget', 'My Tool', 'com.studio.my_tool', True).addToPane(pane)
''',
    '''
p = nuke.Panel('Render')
p.addSingleLineInput('Range', '1-10')
p.addEnumerationPulldown('Node', ' '.join(n.name() for n in nuke.allNodes('Write')))
p.addBooleanCheckBox('Proxy', False)
p.addFilenameSearch('Where', '/tmp')
p.addButton('Cancel')
p.addButton('OK')
if p.show():
    fr = nuke.FrameRange(p.value('Range'))
    print(fr.first(), fr.last(), fr.increment(), p.value('Node'))
''',
    # threads
    '''
import threading

def work(names):
    for name in names:
        size = nuke.executeInMainThreadWithResult(lambda: nuke.toNode(name)['size'].value())
        nuke.executeInMainThread(nuke.tprint, args=(name, size))

threading.Thread(target=work, args=([n.name() for n in nuke.selectedNodes()],), daemon=True).start()
''',
    '''
task = nuke.ProgressTask('Counting')
for i in range(100):
    if task.isCancelled():
        break
    task.setMessage('row %d' % i)
    task.setProgress(i)
del task
''',
    # formats, metadata, layers
    '''
nuke.addFormat('2048 858 0 0 2048 858 1.0 studio_scope')
nuke.root()['format'].setValue('studio_scope')
f = nuke.root().format()
print(f.width(), f.height(), f.pixelAspect(), f.name())
for one in nuke.formats():
    if one.name() == 'HD_1080':
        nuke.knobDefault('Root.format', 'HD_1080')
''',
    '''
r = nuke.toNode('Read1')
meta = r.metadata()
for key, value in meta.items():
    print(key, value)
print(r.metadata('input/timecode', 5), r.firstFrame(), r.lastFrame(), r.width(), r.height(), r.bbox().w())
mm = nuke.nodes.ModifyMetaData(inputs=[r])
mm['metadata'].fromScript('{set studio/shot sh010}')
''',
    '''
nuke.Layer('holdout', ['holdout.red', 'holdout.green', 'holdout.blue', 'holdout.alpha'])
n = nuke.selectedNode()
layers = sorted({c.split('.')[0] for c in n.channels()})
for layer in layers:
    s = nuke.nodes.Shuffle(label=layer, inputs=[n])
    s['in'].setValue(layer)
    s['postage_stamp'].setValue(True)
print(nuke.layers(n), nuke.channels(n))
''',
    # undo and groups
    '''
undo = nuke.Undo()
undo.begin('Align')
try:
    for n in nuke.selectedNodes():
        n.setXpos(0)
finally:
    undo.end()
with nuke.Undo('Label'):
    nuke.selectedNode()['label'].setValue('x')
nuke.Undo.disable()
nuke.Undo.enable()
nuke.undo()
nuke.redo()
''',
    '''
def walk(node, seen=None):
    seen = seen if seen is not None else set()
    for i in range(node.inputs()):
        up = node.input(i)
        if up is not None and up not in seen:
            seen.add(up)
            walk(up, seen)
    return seen
print(sorted(n.fullName() for n in walk(nuke.selectedNode())))
''',
    '''
for group in nuke.allNodes('Group'):
    group.begin()
    try:
        for n in nuke.allNodes():
            n['selected'].setValue(False)
    finally:
        group.end()
with nuke.root():
    print(len(nuke.allNodes(recurseGroups=True)))
with nuke.toNode('Group1') as g:
    nuke.nodes.Grade()
''',
    # copy, paste, files
    '''
import os, tempfile
path = os.path.join(tempfile.gettempdir(), 'part.nk').replace(os.sep, '/')
nuke.nodeCopy(path)
nuke.nodePaste(path)
nuke.nodeCopy('%clipboard%')
nuke.scriptReadFile(path)
nuke.scriptSaveAs(path, 1)
print(nuke.scriptName(), nuke.script_directory())
nuke.loadToolset('/tools/x.nk')
nuke.modified()
''',
    '''
reads = [n for n in nuke.allNodes() if n.Class() in {'Read', 'DeepRead', 'ReadGeo2'}]
missing = [n for n in reads if n.hasError() or n.error()]
for n in missing:
    n['tile_color'].setValue(int('0xff0000ff', 16))
    n['gl_color'].setValue(0xff0000ff)
for seq in nuke.getFileNameList('/show/plates'):
    name, _, span = seq.rpartition(' ')
    r = nuke.nodes.Read()
    r['file'].fromUserText('/show/plates/' + seq)
''',
    # pictures
    '''
n = nuke.selectedNode()
print([n.sample(c, 100.5, 100.5) for c in ('red', 'green', 'blue')])
ct = nuke.nodes.CurveTool(inputs=[n], operation='Avg Intensities')
ct['ROI'].setValue([0, 0, n.width(), n.height()])
nuke.execute(ct, 1, 1)
print(ct['intensitydata'].value())
''',
    '''
v = nuke.activeViewer()
if v is not None:
    v.frameControl(+1)
    v.activateInput(0)
    node = v.node()
    print(node.input(0).name() if node.input(0) else None)
    node['viewerProcess'].setValue('sRGB (ACES)')
    nuke.connectViewer(1, nuke.selectedNode())
''',
    # rotopaint and others
    '''
import nuke.rotopaint as rp
roto = nuke.nodes.Roto()
curves = roto['curves']
shape = rp.Shape(curves)
shape.append([10, 10])
shape.name = 'square'
curves.rootLayer.append(shape)
for element in curves.rootLayer:
    element.visible = True
''',
    '''
import nuke.splinewarp as sw
import _curvelib as cl
node = nuke.createNode('SplineWarp3')
knob = node['curves']
attrs = knob.rootLayer.getAttributes()
attrs.set(1, attrs.kVisibleAttribute, 1)
''',
    # PySide
    '''
try:
    from PySide6 import QtWidgets, QtCore, QtGui
except ImportError:
    from PySide2 import QtWidgets, QtCore, QtGui

class Tool(QtWidgets.QWidget):
    def __init__(self, parent=None):
        super().__init__(parent)
        self.name = QtWidgets.QLineEdit()
        self.name.textChanged.connect(self.rename)
        box = QtWidgets.QVBoxLayout(self)
        box.addWidget(self.name)
    def rename(self, text):
        for n in nuke.selectedNodes():
            n.setName(text)
    def updateValue(self):
        pass
tool = Tool()
tool.show()
''',
    '''
if nuke.NUKE_VERSION_MAJOR >= 16:
    from PySide6.QtWidgets import QApplication
else:
    from PySide2.QtWidgets import QApplication
main = next(w for w in QApplication.topLevelWidgets() if w.metaObject().className() == 'Foundry::UI::DockMainWindow')
main.setWindowTitle('x')
''',
    # names that look like slips
    '''
selected = nuke.selectedNodes()
nodes = {n.name(): n for n in selected}
nodes['Blur1'].setSelected(True)
nodes.get('Grade1')
size = [n['size'] for n in selected if 'size' in n.knobs()]
for k in size:
    k.setValue(3)
''',
    '''
import logging
nuke_log = logging.getLogger('nuke')
nuke_log.setLevel(logging.DEBUG)
value = dict(get=1)
print(value.get('x'))
result = ''.join(str(n) for n in nuke.allNodes())
result.replace('a', 'b')
''',
    '''
def blur(size=10):
    return nuke.nodes.Blur(size=size)
nodes = [blur(s) for s in (1, 2, 3)]
m = nuke.nodes.Merge2(inputs=nodes)
m.setInput(2, None)
m.setInput(0, blur(5))
m.connectInput(1, nodes[0])
print(m.canSetInput(0, nodes[1]), m.optionalInput(), m.maxInputs())
''',
    '''
class nuke_tools:
    @staticmethod
    def selected():
        return 1
nuke_tools.selected()
from collections import namedtuple
Row = namedtuple('Row', 'name size')
row = Row('a', 1)
print(row.size, row.name)
''',
    '''
read = nuke.nodes.Read(file='/a/plate.%04d.exr', first=1001, last=1050, origfirst=1001, origlast=1050)
read['on_error'].setValue('nearest frame')
read['before'].setValue('hold')
read['raw'].setValue(True)
read['reload'].execute()
proxy = read['proxy'].value() or read['file'].getEvaluatedValue()
''',
    '''
cam = nuke.createNode('Camera3', inpanel=False)
cam['read_from_file'].setValue(False)
cam['focal'].setValue(35)
cam['translate'].setValue([0, 0, 10])
axis = nuke.nodes.Axis3()
cam.setInput(0, axis)
scene = nuke.nodes.Scene(inputs=[cam])
render = nuke.nodes.ScanlineRender(inputs=[None, scene, cam])
mat = cam['transform'].value()
m = nuke.math.Matrix4()
m.makeIdentity()
v = nuke.math.Vector3(1, 0, 0)
print((m * v).x, m.transform(v).length())
''',
    '''
for n in nuke.allNodes('BackdropNode'):
    print(n['bdwidth'].value(), n['label'].getText(), n.getNodes())
    n['note_font_size'].setValue(60)
bd = nuke.nodes.BackdropNode(xpos=0, ypos=0, bdwidth=400, bdheight=300, label='<center>Keys', note_font_size=42)
bd['z_order'].setValue(-1)
nuke.autoplace(bd)
''',
    '''
def swap(n):
    a, b = n.input(0), n.input(1)
    n.setInput(0, b)
    n.setInput(1, a)
try:
    swap(nuke.selectedNode())
except ValueError:
    nuke.message('Select a node.')
if nuke.ask('Again?'):
    swap(nuke.toNode('Merge1'))
text = nuke.getInput('Name', 'x')
colour = nuke.getColor()
path = nuke.getFilename('Pick', '*.nk')
''',
    '''
import json, re
data = json.dumps([{'name': n.name(), 'class': n.Class(), 'x': n.xpos(), 'y': n.ypos()} for n in nuke.allNodes()])
rows = json.loads(data)
pattern = re.compile(r'v(\\d+)')
for n in nuke.selectedNodes('Write'):
    path = n['file'].value()
    found = pattern.search(path)
    if found:
        n['file'].setValue(pattern.sub(lambda m: 'v%03d' % (int(m.group(1)) + 1), path))
''',
    '''
nuke.pluginAddPath('./gizmos')
nuke.pluginAppendPath('./python')
nuke.load('tidy')
print(nuke.pluginPath(), nuke.plugins(nuke.ALL | nuke.NODIR, 'Blur*'))
nuke.knobDefault('Blur.size', '5')
nuke.knobDefault('Read.colorspace', 'linear')
print(nuke.env['nukex'], nuke.env.get('studio'), nuke.EXE_PATH, nuke.NUKE_VERSION_STRING, nuke.GUI)
nuke.memory('usage')
nuke.clearRAMCache()
''',
    '''
last = None
for cls, values in (('Grade', {'white': 1.2}), ('Blur', {'size': 4}), ('Saturation', {'saturation': 0})):
    node = getattr(nuke.nodes, cls)(**values)
    if last is not None:
        node.setInput(0, last)
    last = node
''',
    '''
n = nuke.selectedNode()
n.hideControlPanel()
n.showControlPanel()
n.forceValidate()
n.setSelected(True)
n.readKnobs('size 10')
n.resetKnobsToDefault()
print(n.writeKnobs(nuke.WRITE_NON_DEFAULT_ONLY | nuke.TO_SCRIPT))
print(n.isSelected(), n.shown(), n.help(), n.numKnobs(), n.opHashes(), n.treeHasError(), n.screenWidth())
''',
    '''
pos = {n: (n.xpos() + n.screenWidth() // 2, n.ypos() + n.screenHeight() // 2) for n in nuke.selectedNodes()}
left = min(x for x, _ in pos.values())
dot = nuke.nodes.Dot()
dot.setXYpos(int(left), 0)
nuke.zoom(1.0, (left, 0))
print(nuke.zoom(), nuke.center())
nuke.zoomToFitSelected()
nuke.show(dot)
''',
    '''
blink = nuke.createNode('BlinkScript')
blink['kernelSource'].setValue('kernel Id : ImageComputationKernel<ePixelWise> {}')
blink['recompile'].execute()
expr = nuke.nodes.Expression(expr0='r*2', expr3='a', temp_name0='k', temp_expr0='frame')
expr['expr1'].setValue('g/2')
''',
    '''
import sys
import functools

@functools.lru_cache(maxsize=None)
def node_classes():
    return tuple(sorted({n.Class() for n in nuke.allNodes(group=nuke.root())}))

if __name__ == '__main__' and not nuke.GUI:
    nuke.scriptOpen(sys.argv[1])
    for write in nuke.allNodes('Write'):
        if not write['disable'].value():
            nuke.executeMultiple([write], [[1, 10, 1]])
    nuke.scriptClose()
    sys.exit(0)
''',
    '''
try:
    node = nuke.toNode('NotThere')
    node['size'].setValue(1)
except (TypeError, AttributeError):
    node = None
thing = nuke.toNode('Maybe')
if thing is not None:
    print(thing.name())
if nuke.exists('Blur1.size'):
    print(nuke.value('Blur1.size'))
''',
    '''
p = nuke.toNode('preferences')
p['UIFontSize'].setValue(12)
r = nuke.toNode('root')
r['onScriptSave'].setValue('print(1)')
r.knob('colorManagement').setValue('OCIO')
r['fps'].setValue(24)
r['proxy'].setValue(True)
r['name'].value()
''',
    '''
def publish(*nodes, **options):
    for node in nodes or nuke.selectedNodes():
        yield node.name(), {k: options.get(k, node[k].value()) for k in ('file', 'colorspace')}
for name, row in publish(dry=True):
    print(f"{name}: {row['file']!r:>40}")
''',
    '''
rotos = nuke.allNodes('Roto') + nuke.allNodes('RotoPaint')
for n in rotos:
    n['output'].setValue('alpha')
    n['cliptype'].setValue('no clip')
nuke.delete(rotos[0]) if rotos else None
for n in nuke.selectedNodes():
    nuke.delete(n)
nuke.selectAll()
nuke.invertSelection()
clone = nuke.clone(nuke.selectedNode())
''',
    '''
def hash_of(node):
    return hash((node.Class(), tuple(sorted((k, v.toScript()) for k, v in node.knobs().items() if v.notDefault()))))
seen = {}
for n in nuke.allNodes():
    seen.setdefault(hash_of(n), []).append(n)
double = [same for same in seen.values() if len(same) > 1]
''',
    '''
arr = nuke.Array_Knob('weights', 'weights')
arr2 = nuke.XY_Knob('centre', 'centre')
col = nuke.AColor_Knob('tint', 'tint')
box = nuke.BBox_Knob('crop', 'crop')
fmt = nuke.Format_Knob('fmt', 'format')
chan = nuke.ChannelMask_Knob('mask', 'mask')
file_ = nuke.File_Knob('path', 'path')
multi = nuke.Multiline_Eval_String_Knob('notes', 'notes')
py = nuke.PythonCustomKnob('x', 'y', 'z') if hasattr(nuke, 'PythonCustomKnob') else nuke.PyCustom_Knob('x', 'y', 'z')
begin = nuke.BeginTabGroup_Knob('g')
cast = nuke.CascadingEnumeration_Knob('c', 'c', ['a/b', 'a/c'])
pull = nuke.Pulldown_Knob('p', 'p')
pull.setValues({'Menu/One': 'print(1)'})
box.setValue([0, 0, 10, 10])
col.setValue([1, 0.5, 0, 1])
arr2.setValue((1, 2))
''',
    '''
import contextlib

@contextlib.contextmanager
def kept_selection():
    before = nuke.selectedNodes()
    try:
        yield before
    finally:
        for n in nuke.allNodes():
            n['selected'].setValue(n in before)

with kept_selection() as nodes:
    for node in nodes:
        node.connectInput(0, None)
        node.setInput(0, nuke.toNode('Read1'))
''',
)

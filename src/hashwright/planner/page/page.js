'use strict';
const COLORS=['#2b6cb0','#c05621','#2f855a','#805ad5','#b83280','#4a5568','#b7791f','#00838f','#6b8e23','#9b2c2c'];
const SVG='http://www.w3.org/2000/svg';
function node(parent,name,values,text){const it=document.createElementNS(SVG,name);
 for(const key in values)it.setAttribute(key,values[key]);if(text!==undefined)it.textContent=text;parent.append(it);return it}
function number(v){const s=Math.abs(v);return s>=1000?Math.round(v).toLocaleString('en'):s>=10?v.toFixed(1):v.toFixed(2)}
function draw(box,chart){
 const W=960,H=320,L=64,R=12,T=10,B=26,hidden=new Set();
 const keys=document.createElement('div');keys.className='keys';const holder=document.createElement('div');
 holder.style.position='relative';const tip=document.createElement('div');tip.className='tip';tip.hidden=true;
 const svg=document.createElementNS(SVG,'svg');svg.setAttribute('viewBox',`0 0 ${W} ${H}`);svg.setAttribute('role','img');
 svg.setAttribute('aria-label',chart.title);holder.append(svg,tip);box.append(keys,holder);
 chart.lines.forEach((line,i)=>{const b=document.createElement('button');b.textContent=line.name;b.style.borderColor=COLORS[i%10];
  b.setAttribute('aria-pressed','true');
  b.onclick=()=>{const off=hidden.has(i);off?hidden.delete(i):hidden.add(i);b.setAttribute('aria-pressed',String(off));paint()};
  keys.append(b)});
 let x=v=>v,y=v=>v,mark;
 function paint(){
  svg.replaceChildren();const seen=chart.lines.filter((_,i)=>!hidden.has(i));
  const all=seen.flatMap(l=>[...l.y,...(l.low||[]),...(l.high||[])]);
  let low=Math.min(...all),high=Math.max(...all);if(!all.length||low===high){low=(low||0)-1;high=(high||0)+1}
  const first=chart.x[0],last=chart.x[chart.x.length-1]||1;
  x=v=>L+(v-first)/((last-first)||1)*(W-L-R);y=v=>H-B-(v-low)/(high-low)*(H-T-B);
  for(let i=0;i<5;i++){const v=low+(high-low)*i/4;node(svg,'line',{x1:L,x2:W-R,y1:y(v),y2:y(v),stroke:'var(--line)'});
   node(svg,'text',{x:L-6,y:y(v)+4,'text-anchor':'end','font-size':12,fill:'var(--dim)'},number(v))}
  for(let i=0;i<=4;i++){const at=Math.round((chart.x.length-1)*i/4);
   node(svg,'text',{x:x(chart.x[at]),y:H-6,'text-anchor':i==4?'end':i?'middle':'start','font-size':12,fill:'var(--dim)'},
    chart.labels?chart.labels[at]:chart.x[at])}
  chart.lines.forEach((line,i)=>{if(hidden.has(i))return;
   if(line.low){const up=chart.x.map((v,k)=>`${x(v)},${y(line.high[k])}`),down=chart.x.map((v,k)=>`${x(v)},${y(line.low[k])}`).reverse();
    node(svg,'polygon',{points:[...up,...down].join(' '),fill:COLORS[i%10],opacity:.15})}
   node(svg,'polyline',{points:chart.x.map((v,k)=>`${x(v)},${y(line.y[k])}`).join(' '),fill:'none',stroke:COLORS[i%10],'stroke-width':1.8})});
  mark=node(svg,'line',{x1:0,x2:0,y1:T,y2:H-B,stroke:'var(--dim)',visibility:'hidden'})}
 svg.onmousemove=event=>{const area=svg.getBoundingClientRect(),at=(event.clientX-area.left)/area.width*W;
  let best=0;chart.x.forEach((v,k)=>{if(Math.abs(x(v)-at)<Math.abs(x(chart.x[best])-at))best=k});
  mark.setAttribute('x1',x(chart.x[best]));mark.setAttribute('x2',x(chart.x[best]));mark.setAttribute('visibility','visible');
  const words=chart.lines.flatMap((l,i)=>hidden.has(i)?[]:[`${l.name}: ${number(l.y[best])}`+(l.low?` (${number(l.low[best])} to ${number(l.high[best])})`:'')]);
  tip.textContent=[chart.labels?chart.labels[best]:`day ${chart.x[best]}`,...words].join('\n');tip.hidden=false;
  const side=at>W/2;tip.style.left=side?'auto':`${at/W*100+2}%`;tip.style.right=side?`${100-at/W*100+2}%`:'auto'};
 svg.onmouseleave=()=>{tip.hidden=true;mark.setAttribute('visibility','hidden')};
 paint()}
const charts=JSON.parse(document.getElementById('charts').textContent);
document.querySelectorAll('.chart').forEach((box,i)=>draw(box,charts[i]));
